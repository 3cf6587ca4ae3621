"""Other words for answers: what families type where the report offers a choice.

The labels themselves are understood in both languages; here stand the words for them that no label
has. They are only read, never shown. Words that fit two answers stand with both, so that it is
asked which one is meant.
"""

from __future__ import annotations


def _said(words: str) -> dict[str, tuple[str, ...]]:
    """Cut a table: a code, a colon and the words; a code may have several lines."""
    table: dict[str, tuple[str, ...]] = {}
    for line in words.strip().splitlines():
        code, _colon, said = line.partition(":")
        table[code] = (*table.get(code, ()), *(word.strip() for word in said.split("|")))
    return table


PLACES = _said("""
SY-DI: الشام | damas | dimashq | المزة | برزة | القابون | جوبر
SY-RD: ريف الشام | rif dimashq | الغوطة | الغوطة الشرقية | دوما | حرستا | داريا | المعضمية
SY-RD: معضمية الشام | عربين | سقبا | كفربطنا | القطيفة | النبك | يبرود | الزبداني | مضايا
SY-RD: قدسيا | جرمانا | صحنايا | الكسوة | قطنا | الرحيبة | عدرا | صيدنايا | جديدة عرطوز
SY-RD: القلمون
SY-HL: halab | منبج | مدينة الباب | عفرين | اعزاز | جرابلس | كوباني | عين العرب | السفيرة | عندان
SY-HL: تل رفعت | مارع | ريف حلب
SY-HI: hims | تدمر | الرستن | تلبيسة | القصير | تلكلخ | الحولة | القريتين | باب عمرو | بابا عمرو
SY-HI: الوعر | ريف حمص
SY-HM: حماه | سلمية | مصياف | محردة | السقيلبية | كفرزيتا | اللطامنة | ريف حماة
SY-LA: اللاذقيه | latakia | جبلة | الحفة | ريف اللاذقية
SY-ID: ادلب | idlib | معرة النعمان | جسر الشغور | سراقب | خان شيخون | سرمين | حارم
SY-ID: سلقين | كفرنبل | بنش | ريف ادلب
SY-HA: حسكة | hasaka | hasakeh | القامشلي | قامشلو | رأس العين | الشدادي | المالكية | ديريك
SY-HA: عامودا | الدرباسية
SY-DY: ديرالزور | deir ezzor | deir alzour | الدير | الميادين | البوكمال | الموحسن | القورية
SY-DY: العشارة
SY-TA: tartus | بانياس | صافيتا | الدريكيش
SY-RA: رقة | raqqa | raqa | تل أبيض | الطبقة | عين عيسى
SY-DR: deraa | daraa | الصنمين | انخل | داعل | طفس | بصرى | بصرى الشام | المسيفرة
SY-DR: خربة غزالة
SY-SU: سويداء | sweida | suwayda | صلخد
SY-QU: قنيطرة | qunaitra | خان أرنبة | جباتا الخشب
""")
"""Governorates: other spellings, and towns of which there is only one."""


KIN = _said("""
mother: mother | his mother | her mother | mom | mum | أم | الأم | والدة | الوالدة | امه | امها
mother: امو | والدته | والدتها | والدتو | ابني | ولدي | بنتي | ابنتي | ابننا | بنتنا | my son
mother: my daughter | my child
father: father | his father | her father | dad | أب | الأب | والد | الوالد | ابوه | ابوها
father: والده | والدها | والدو | ابني | ولدي | بنتي | ابنتي | ابننا | بنتنا | my son
father: my daughter | my child
wife: wife | his wife | my husband | زوجة | الزوجة | زوجته | زوجتو | مرته | مرتو | زوجي | جوزي
husband: husband | her husband | my wife | زوج | الزوج | زوجها | جوزها | زوجتي | مرتي
daughter: daughter | his daughter | her daughter | ابنة | بنت | بنته | بنتها | بنتو | ابنته
daughter: ابنتها | ابي | ابوي | والدي | بابا | امي | والدتي | ماما | my father | my mother
daughter: my dad | my mum | my mom
son: son | his son | her son | ابن | ابنه | ابنها | ابنو | ابي | ابوي | والدي | بابا | امي
son: والدتي | ماما | my father | my mother | my dad | my mum | my mom
sister: sister | his sister | her sister | أخت | اخته | اختها | اختو | اخي | اخوي | خيي | خي
sister: اخونا | اختي | اختنا | my brother | my sister
brother: brother | his brother | her brother | أخ | اخوه | اخوها | اخي | اخوي | خيي | خي | اخونا
brother: اختي | اختنا | my brother | my sister
grandmother: grandmother | جدة | جدته | جدتها | جدتو | حفيدي | حفيدتي | my grandson
grandmother: my granddaughter | my grandchild
grandfather: grandfather | جد | جده | جدها | حفيدي | حفيدتي | my grandson | my granddaughter
grandfather: my grandchild
paternal_uncle: uncle | paternal uncle | عم | عمه | عمها | عمو | ابن اخي | بنت اخي | ابن اخوي
paternal_uncle: بنت اخوي | my nephew | my niece
paternal_aunt: aunt | paternal aunt | عمة | عمته | عمتها | عمتو | ابن اخي | بنت اخي | ابن اخوي
paternal_aunt: بنت اخوي | my nephew | my niece
maternal_uncle: uncle | maternal uncle | خال | خاله | خالها | خالو | ابن اختي | بنت اختي
maternal_uncle: my nephew | my niece
maternal_aunt: aunt | maternal aunt | خالة | خالته | خالتها | خالتو | ابن اختي | بنت اختي
maternal_aunt: my nephew | my niece
cousin_pat: cousin | my cousin | ابن عم | بنت عم | ابن عمه | بنت عمه | ابن عمها | بنت عمها
cousin_pat: ابن عمو | بنت عمو | ابن عمته | بنت عمته | ابن عمي | بنت عمي | ابن عمتي | بنت عمتي
cousin_mat: cousin | my cousin | ابن خال | بنت خال | ابن خاله | بنت خاله | ابن خالها | بنت خالها
cousin_mat: ابن خالو | بنت خالو | ابن خالته | بنت خالته | ابن خالي | بنت خالي | ابن خالتي
cousin_mat: بنت خالتي
nephew_niece: nephew | niece | ابن اخوه | بنت اخوه | ابن اخته | بنت اخته | ابن اخوها | بنت اخوها
nephew_niece: ابن اختها | بنت اختها | عمي | عمتي | خالي | خالتي | my uncle | my aunt
in_law: in-law | son in law | brother in law | sister in law | father in law | mother in law
in_law: صهر | كنة | حمو | صهري | كنتي | حماي | حماتي | سلفي | نسيبي | زوج اختي | زوج بنتي
in_law: مرت اخي | مرت ابني | زوجة اخي | زوجة ابني
fiance: fiance | fiancee | my fiance | my fiancee | خطيب | خطيبة | خطيبي | خطيبتي | خطيبته
fiance: خطيبها
friend: friend | my friend | صديق | صديقة | رفيق | صديقي | صديقتي | رفيقي | رفيقتي | صاحبي
friend: صديقه | رفيقه | صاحبه
neighbour: neighbour | neighbor | جار | جارة | جاري | جارتي | جارنا | جارتنا | جارهم
co_detainee: رفيق احتجاز | كنت معه بالسجن
lawyer: lawyer | محامي | محامية
association: association | جمعية | رابطة
self: myself | self | عن نفسي | عني | انا نفسي
""")
"""What says who the reporter is. Families also say who the missing person is ("my son"): most of
these words fit two answers, a woman's and a man's, and then it is asked which. Without its marks
"جده" is his grandfather as well as a grandmother, and "عمه" is like it. "أنا" alone is not "about
myself": it stands before every other answer."""

WAYS = _said("""
checkpoint: checkpoint | حاجز | على الحاجز | عالحاجز
home_raid: home | raid | from home | from his home | from her home | مداهمة | من البيت | من بيته
home_raid: من بيتها | من بيتو | من بيتنا | من المنزل | مداهمة البيت
workplace: work | from work | من الشغل | من شغله | من شغلو | من شغلها | من المحل
education: school | university | من المدرسة | من الجامعة
summons: summons | استدعاء
street: street | شارع | بالشارع
hospital: hospital | مشفى | مستشفى | بالمشفى
protest: demonstration | protest | مظاهرة
border: border | airport | مطار | بالمطار | الحدود | على الحدود | عالحدود
conscription: military service | بالجيش | بالعسكرية | خدمة العلم
hostage_swap: hostage | رهينة
abduction: kidnapped | he was kidnapped | she was kidnapped | خطف | مخطوف | مخطوفة | انخطف
abduction: انخطفت | خطفوه | خطفوها | اختطف | اختطفت
siege_exit: siege | تسوية
displacement: displacement | نزوح | بالنزوح
fighting_shelling: shelling | fighting | قصف | بالقصف | معركة | بالمعركة
migration_land: by land | براً
migration_sea: by sea | at sea | بحراً | غرق | بالبحر | في البحر
prison_transfer: transfer
child_with_parent: child
earthquake_2023: earthquake | زلزال | الزلزال | بالزلزال
""")
"""How somebody disappeared."""

PARTIES = _said("""
state: النظام | regime | assad | assad regime | المخابرات | الأمن | الأمن العسكري
state: المخابرات العسكرية | المخابرات الجوية | المخابرات العامة | الجوية | أمن الدولة
state: الأمن السياسي | الأمن الجنائي | الشرطة | الشرطة العسكرية | الجيش | جيش النظام | الشبيحة
state: شبيحة | اللجان الشعبية | الدفاع الوطني | الفرقة الرابعة | الحرس الجمهوري | بشار | الأسد
state: النظام السوري | نظام الأسد | حزب الله | الروس | الدولة | الحكومة | government
state: mukhabarat | intelligence | security | army
isis: داعش | الدواعش | تنظيم الدولة | الدولة | الدولة الإسلامية | daesh | isil
hts: النصرة | جبهة النصرة | الهيئة | هيئة تحرير الشام | nusra | hts
opp: الجيش الحر | جيش حر | جيش الإسلام | أحرار الشام | فيلق الرحمن | المعارضة | الفصائل | fsa
opp: free army | free syrian army | opposition | rebels
north: sna | الجيش الوطني | الأتراك | الجيش التركي | تركيا | turkey | turkish army
east: قسد | الأسايش | وحدات الحماية | وحدات حماية الشعب | sdf | ypg | asayish
now: الأمن العام | الأمن | الحكومة | الحكومة الجديدة | السلطة الجديدة | government
local: عصابة | عصابات | مهربين | مسلحين | gang | smugglers
foreign: دولة أخرى | إسرائيل | الجيش اللبناني | israel
none: لا جهة | nobody
""")
"""Who was behind it; "الأمن" and "الدولة" are said of more than one."""

UNITS = _said("""
st_mil_int: الأمن العسكري | المخابرات العسكرية | المخابرات | عسكري | فرع فلسطين
st_air_int: الجوية | المخابرات الجوية | المخابرات | مخابرات جوية | الجوي
st_gen_int: أمن الدولة | المخابرات العامة | المخابرات | فرع الخطيب
st_pol_sec: الأمن السياسي | السياسي
st_crim_sec: الأمن الجنائي | الجنائي
st_police: شرطة
st_mil_police: الشرطة العسكرية
st_army: الجيش | الفرقة الرابعة | الحرس الجمهوري | republican guard | 4th division
st_ndf: الدفاع الوطني
st_shabiha: شبيحة | الشبيحة | اللجان | shabiha
st_allied: حزب الله | hezbollah
st_russia: روسيا | الروس
""")
"""Parts of the former government's side."""

HEARD = _said("""
none: no | لا | لا شيء | ولا خبر | ولا شي | لا خبر | ما في خبر | ما في شي | ما عنا خبر
none: ما سمعنا شي | ما سمعت شي | ما وصلنا شي | لا يوجد
direct: direct | he called | she called | اتصل | اتصلت | حكى معنا | حكت معنا
someone: through someone | someone told us | we heard | عن طريق | سمعنا | سمعنا عنه | سمعنا عنها
someone: خبرونا | قالولنا | حدا خبرنا | حدا شافه
""")
"""Whether there was news."""

TOGETHER = _said("""
relative: قريب | قريبة | قريبه | قرايبه | اخوه | اخوها | اخته | اختها | ابنه | ابنها | بنته
relative: بنتها | ابوه | ابوها | امه | امها | زوجته | زوجها | مرته | عمه | خاله | ابن عمه
relative: ابن عمها | ابن خاله | ابن خالها | brother | sister | father | mother | son | daughter
relative: husband | wife | cousin | uncle
friend: صديق | زميل | صديقه | صديقها | رفيقه | رفيقها | رفيقو | رفيق | صاحبه | صاحبو | زميله
friend: زميلها
neighbour: جار | جاره | جارها | جارنا
stranger: غريب
""")
"""Who somebody taken together with the missing person is to it."""

STEPS = _said("""
nobody: لا | no | لا أحد | ما حدا | ولا حدا | ما سألنا | ما سألنا حدا | ما سألت حدا | ما رحنا
nobody: ما رحنا لعند حدا | ما قدرنا نسأل | ما سترجينا نسأل | nobody | no one | nowhere
""")
"""Where the family has asked."""

HOURS = _said("""
any: any | أي وقت
morning: morning | mornings | in the mornings | صباحاً | الصبح
afternoon: afternoon | afternoons | بعد الظهر | بعد الضهر | بعد العصر | العصر
evening: evening | evenings | in the evenings | مساءً | المسا | بالليل | at night
""")
"""Times of day."""
