"""The words of dates: what each word or phrase is, in every spelling we know of.

A line is a kind, what the phrase stands for, and its spellings. A kind is one letter, because
`flows/dates.py` reads dates by matching patterns on the string of kinds. Spellings are folded
when the table is made, so forms that differ only by hamza, marks or case are written once.

=====  =====================================================================
kind   meaning
=====  =====================================================================
M m    a month; a month whose name is also another word
V      two months of one name (كانون, تشرين), or two Hijri months (جمادى)
H      a Hijri month
S      a season
E e    a feast, which comes every year; the bare word feast
C w    an event everybody knows the date of; one only after before, after or since
R      a day counted from today
P      a part of a stretch of time: its beginning, middle or end
Y O W D   the words year, month, week and day, one of them
U      the same counted: dual and plural
k v    a few; and a half
L Z    the last one; this one
< >    before, after
G g    from, since; ago
b & o t u  between, and, or, to, until
i      says that a year is a Hijri year
A l    the age was; years old
B      born in
N      now
c @    o'clock, number (no date); at
q      more than, less than (an amount)
d      a decade (of years, or of an age)
a      about, perhaps
!      not, and other words that turn a date into something else
f      words that carry nothing here
=====  =====================================================================
"""

from __future__ import annotations

from typing import NamedTuple

from flows.folding import fold


class Entry(NamedTuple):
    """What a phrase is: its kind, and the number or word it stands for."""

    kind: str
    number: int
    word: str


_PHRASES = """
M 1: كانون الثاني | كانون التاني | كانون ثاني | كانون تاني | كانون 2 | كانون اتنين | ك2 | ك 2
M 1: يناير | جانفي | ينايرز | january | jan | januar | janvier | ocak | rêbendan | çile
M 1: kanûna paşîn | kanoun althani | کانوونی دووەم | kanun 2 | kanun al thani
M 2: شباط | إشباط | اشباط | فبراير | فيفري | شوبات | february | feb | februar | février | şubat
M 2: sibat | فيبراير | فبرير | febuary | feburary
M 2: shubat | shbat | reşemî
M 1: يانير | ينايير | januray
M 3: آذار | أدار | ادار | مارس | ئازار | march | märz | maerz | mars | adar | azar
M 4: ابرايل | نيسن
m 3: mar | mart
M 4: نيسان | أبريل | إبريل | ابريل | أفريل | april | apr | avril | nisan | nîsan | avrêl
M 5: أيار | إيار | مايو | مايس | ئایار | mayıs | gulan | ayyar | ayar
m 5: may | mai | ماي
M 6: حزيران | حزيرين | يونيو | يونيه | جوان | june | jun | juni | juin | haziran | hezîran
M 6: pûşper | hzeran | حزيرن | حزران | حيزران
M 7: تموز | يوليو | يوليه | يوليوز | جويلية | تەمووز | july | jul | juli | juillet | temmuz
M 7: tîrmeh
M 7: tammuz | tamouz
m 8: آب | ئاب
M 8: اغسطس | أغسطس | أوغسطس | اغسطوس | غشت | أغشت | أوت | august | aug | août | ağustos | tebax
M 8: gelawêj | اغسطص | agust | augest | auguest
M 9: أيلول | إيلول | سبتمبر | سيبتمبر | شتنبر | شتمبر | ئەیلوول | september | sep | sept
M 9: septembre | سبتنبر | septemper | ايلو
M 9: eylül | îlon | rezber | aylul | ayloul
M 10: تشرين الأول | تشرين أول | تشرين اول | تشرين الاولى | تشرين 1 | تشرين واحد | ت1 | ت 1
M 10: أكتوبر | اوكتوبر
M 10: تشرینی یەکەم | october | oct | oktober | okt | octobre | ekim | cotmeh | kewçêr
M 10: çiriya pêşîn
M 11: تشرين الثاني | تشرين التاني | تشرين ثاني | تشرين تاني | تشرين 2 | تشرين اتنين | ت2 | ت 2
M 11: نوفمبر | نونبر | تشرینی دووەم | november | nov | novembre | kasım | mijdar | sermawez
M 11: çiriya paşîn | نوفنبر
M 12: كانون الأول | كانون أول | كانون اول | كانون الاولى | كانون 1 | كانون واحد | ك1 | ك 1
M 12: ديسمبر | دجنبر | دجمبر | کانونی یەکەم | december | dec | dezember | dez | décembre | aralık
M 12: berfanbar | kanûna pêşîn | ديسنبر
V 1: كانون
V 2: تشرين
V 3: جمادى | jumada
H 1: محرم | المحرم | muharram | moharram
H 2: صفر | صفر الخير | safar
H 3: ربيع الأول | ربيع أول | ربيع 1 | rabi al awwal | rabi al awal | rabi i | rabi 1
H 4: ربيع الثاني | ربيع التاني | ربيع ثاني | ربيع تاني | ربيع الآخر | ربيع 2 | rabi al thani
H 4: rabi ii | rabi 2
H 5: جمادى الأولى | جمادى الأول | جماد الأول | جماد أول | جمادى الاول | جمادى 1 | jumada al awwal
H 5: jumada al ula | jumada i
H 6: جمادى الآخرة | جمادى الثانية | جمادى الثاني | جماد الثاني | جماد ثاني | جمادى الآخر | جمادى 2
H 6: jumada al thani | jumada ii
H 7: رجب | rajab
H 8: شعبان | شعبان المعظم | shaaban | shaban | sha ban
H 9: رمضان | رمضان المبارك | ramadan | ramadhan | ramazan
H 10: شوال | shawwal | shawal
H 11: ذو القعدة | ذي القعدة | ذو القعده | ذوالقعدة | القعدة | dhu al qidah | dhul qidah
H 11: dhu al qadah
H 12: ذو الحجة | ذي الحجة | ذوالحجة | الحجة | dhu al hijjah | dhul hijjah | zul hijjah
H 12: dhul hijja
S 1: ربيع | الربيعية | spring | springtime
S 2: صيف | الصيفية | صيفية | summer | summertime
S 3: خريف | autumn | fall
S 4: شتاء | شتا | الشتوية | شتوية | winter | wintertime
E fitr: عيد الفطر | الفطر | العيد الصغير | عيد الصغير | العيد الزغير | عيد الفطر المبارك
E fitr: عيد رمضان | عيد الفطر السعيد | العيد لصغير | العيد لزغير | عيد الزغير | عيد لفطر
E fitr: eid al fitr | eid ul fitr | eid el fitr | eid alfitr | fitr | small eid | little eid
E fitr: ramadan eid | eid fitr
E adha: عيد الأضحى | الأضحى | العيد الكبير | عيد الكبير | عيد الأضحى المبارك | عيد الحج
E adha: عيد الضحية | عيد الاضحية | العيد لكبير | عيد لكبير | عيد لضحى | عيد الاضحا | عيد الاظحى
E adha: عيد الضحى | عيد الاضحه | عيد الحجاج
E adha: eid al adha | eid ul adha | eid el adha | eid aladha | adha | big eid | great eid
E adha: eid adha | feast of sacrifice
E eid: العيد | أيام العيد | the eid | the feast
e eid: عيد | eid
E arafa: وقفة عرفة | يوم عرفة | عرفة | وقفة عيد الأضحى | وقفة العيد الكبير | arafa | arafat
E fitr_eve: وقفة عيد الفطر | وقفة العيد الصغير
E eid_eve: وقفة العيد | يوم الوقفة | الوقفة
E fitr_night: ليلة عيد الفطر | ليلة العيد الصغير | eve of eid al fitr
E adha_night: ليلة عيد الأضحى | ليلة العيد الكبير | eve of eid al adha
E eid_night: ليلة العيد | eve of eid | night before eid
E christmas_eve: ليلة عيد الميلاد | ليلة الميلاد | christmas eve
E christmas: عيد الميلاد | الميلاد | عيد الميلاد المجيد | الكريسماس | كريسماس | christmas | xmas
E new_year: رأس السنة | راس السنة الميلادية | راس السنة | ليلة رأس السنة | new year | new years
E new_year: new years eve | new years day
E newroz: عيد النوروز | النوروز | نوروز | النيروز | نيروز | newroz | nowruz | nawroz | nevroz
E newroz: newruz
E mothers_day: عيد الأم | mothers day
E labour_day: عيد العمال | labour day | labor day | may day
E evacuation_day: عيد الجلاء | الجلاء
E hijri_new_year: رأس السنة الهجرية | راس السنة الهجرية | islamic new year | hijri new year
E ashura: عاشوراء | عاشورا | ashura
E mawlid: المولد النبوي | المولد | مولد النبي | عيد المولد | mawlid
E mid_shaban: نص شعبان | نصف شعبان | ليلة النصف من شعبان | النصف من شعبان
E qadr: ليلة القدر
! 0: لم يكن | لم تكن | ما كان | ما كانت | عيد الفصح | الفصح | easter | عيد الشهداء
! 0: عيد الصليب | عيد الجيش
C uprising: بداية الثورة | أول الثورة | انطلاق الثورة | اندلاع الثورة | بداية الأحداث
C uprising: أول الأحداث | بداية الأزمة
C uprising: بأول الثورة | بأول الأحداث | أوائل الثورة | بدايات الثورة | أول أيام الثورة
C uprising: أول ما بلشت الثورة | لما بلشت الثورة | بلشت الثورة | بدأت الثورة | قامت الثورة
C uprising: أول ما بلشت الأحداث | لما بلشت الأحداث | بلشت الأحداث | بدأت الأحداث
C uprising: أول الأزمة | بداية الاحداث | بداية الحراك | بداية المظاهرات | أول المظاهرات
C uprising: start of the revolution | beginning of the revolution | start of the uprising
C uprising: beginning of the uprising
C uprising: start of the events | beginning of the events | start of the protests
C uprising: beginning of the protests
C ghouta: مجزرة الغوطة | كيماوي الغوطة | الكيماوي بالغوطة | ضربة الغوطة الكيماوية
C ghouta: مجزرة الكيماوي بالغوطة | مجزرة الكيماوي في الغوطة
C ghouta: هجوم الغوطة الكيماوي | هجوم الغوطة | مجزرة الغوطة الكيماوية | كيماوي الغوطه
C ghouta: الكيماوي في الغوطة
C ghouta: ghouta chemical attack | ghouta massacre | ghouta attack | chemical attack in ghouta
C ghouta: chemical attack on ghouta
C ghouta: ghouta chemical massacre | ghouta sarin attack
C aleppo_evacuation: تهجير حلب | تهجير حلب الشرقية | إخلاء حلب | خروج حلب | سقوط حلب الشرقية
C aleppo_evacuation: تهجير أهل حلب
C aleppo_evacuation: aleppo evacuation | evacuation of aleppo | evacuation of eastern aleppo
C aleppo_evacuation: displacement of aleppo
C ghouta_2018: تهجير الغوطة | إخلاء الغوطة | سقوط الغوطة | خروج الغوطة | ghouta evacuation
C ghouta_2018: evacuation of ghouta | fall of ghouta
C daraa_2018: تهجير درعا | تسوية درعا | سقوط درعا | تسويات درعا | daraa settlement | fall of daraa
C daraa_2018: daraa evacuation
C earthquake: زلزال | الزلزلة | زلزال تركيا وسوريا | زلزال سوريا | زلزال تركيا | earthquake
C earthquake: the quake
C government_fall: سقوط النظام | سقوط الأسد | سقوط بشار | سقوط بشار الأسد | هروب بشار | هروب الأسد
C government_fall: يوم التحرير | تحرير دمشق | سقوط نظام الأسد
C government_fall: سقط النظام | ما سقط النظام | سقط بشار | ما سقط بشار | سقط الأسد | هرب بشار
C government_fall: ما هرب بشار | هرب الأسد | يسقط النظام | the regime fell | assad fell
C government_fall: سقوط الحكومة | سقوط دمشق | fall of the regime | fall of the government
C government_fall: fall of assad | fall of damascus
C government_fall: fall of the assad regime | regime fall | the regime fell | assads fall
C government_fall: regimes fall | liberation of syria
C hama_1982: مجزرة حماة | أحداث حماة | مجزرة حماه | احداث حماه | hama massacre | hama events
R 0: اليوم | هاليوم | هلق اليوم | today | الليلة | tonight
R 1: أمس | امبارح | مبارح | إمبارح | البارحة | البارح | بارحة | ليلة امبارح | ليلة أمس | يوم أمس
R 1: yesterday | last night
R 2: أول أمس | أول امبارح | اول مبارح | أول البارحة | قبل امبارح | قبل مبارح | أول من أمس
R 2: قبل أمس
R 2: the day before yesterday | day before yesterday
P begin: أول | اوائل | أوائل | بداية | بدايات | بأول | مطلع | مستهل | beginning | beginnings
P begin: start | early | beginning of
P begin: first week | الأسبوع الأول | first days | الأيام الأولى
P end: last week of | الأسبوع الأخير | last days of | الأيام الأخيرة | العشر الأواخر | عشر الأواخر
P begin: العشر الأوائل
P week_2: الأسبوع الثاني | الأسبوع التاني | ثاني أسبوع | تاني أسبوع | second week
P week_3: الأسبوع الثالث | الأسبوع التالت | ثالث أسبوع | تالت أسبوع | third week
P week_4: الأسبوع الرابع | رابع أسبوع | fourth week
P mid: منتصف | نص | نصف | أواسط | وسط | بنص | mid | middle | midway | halfway
P end: نهاية | نهايات | آخر | أواخر | أخر | اخير | ختام | بآخر | end | late | ending
P first_half: النصف الأول | النص الأول | النص الاول | first half
P second_half: النصف الثاني | النص التاني | النصف التاني | النص الثاني | second half
Y 1: سنة | عام | عاماً | عامي | سنتي | سنت | السنه | year
O 1: شهر | شهراً | شهري | month
W 1: أسبوع | أسبوعاً | جمعة زمان | week
D 1: يوم | يوماً | تاريخ | نهار | day
U 2 year: سنتين | سنتان | عامين | عامان
U 2 month: شهرين | شهران
U 2 week: أسبوعين | أسبوعان | جمعتين
U 2 day: يومين | يومان
U 0 year: سنين | سنوات | أعوام | years | yrs | yr
U 0 month: أشهر | شهور | تشهر | months
U 0 week: أسابيع | weeks
U 0 day: أيام | تيام | days
U 14 day: fortnight
U 6 month: half a year | half year
k 3: كم | كام | عدة | بضع | بضعة | كذا | few | several | some
v 0: ونص | ونصف | و نص | و نصف | and a half
L 1: الماضي | الماضية | الفائت | الفائتة | الفايت | الفايتة | المنصرم | المنصرمة | اللي فات
L 1: اللي فاتت | اللي مضى | يلي فات | يلي فاتت
L 1: اللي راح | اللي راحت | يلي راح | يلي راحت | اللي مضت | يلي مضى | يلي مضت
L 1: الماضيه | last | past
Z 0: هذا | هذه | هاد | هادا | هي | هالسنة هي | this
< 0: قبل | قبيل | قبل ما | before | prior to
> 0: بعد | عقب | بعد ما | after | following
G 0: صار له مفقود | صارله مفقود | صارلو مفقود | صار لها مفقودة | صارله مختفي | missing for
G 0: من | منذ | مند | صار له | صارله | صار لو | صارلو | صار لها | صارلها | إله | الو | الها
G 0: صرله | صرلو | صرلها | صار لهم | صارلهم | له | لها | لو | إلو | إلها
G 0: since | from | for
g 0: ago | back
b 0: بين | ما بين | مابين | مبين | between
& 0: و | and
o 0: أو | او | ولا | يا | or
& 0: وال | وب | وبال
t 0: ل | لل | ول | to | through | thru
u 0: حتى | إلى | لحد | لغاية | لعند | لحتى | حتي | until | till | up to | by
i 0: هجري | هجرية | هـ | ه | للهجرة | الهجري | الهجرية | ah | hijri | a h
A 0: العمر | وعمره | وعمرها | وعمرو | كان عنده | كان عندو | كان عندها
A 0: عمره | عمرها | عمرو | عمري | عمر | كان عمره | بعمر | في عمر | سنه كان | age | aged | he was
A 0: she was
l 0: من العمر | من عمره | من عمرها | من عمرو | years old | year old | yo
B 0: مواليد | ولد | ولدت | انولد | انولدت | خلق | خلقان | خلقانة | خلقت | born | تولد | مولود
B 0: مولودة
N 0: لو كان عايش | لو هو عايش | لو بعدو عايش | لو كانت عايشة | if he is alive | if alive
N 0: الآن | هلق | هلأ | هلا | حاليا | حالياً | now | currently
@ 0: at
c 0: رقم | نمرة | number
c 0: الساعة | ساعة | at the hour | oclock
d 0: decade
d 20: العشرينات | العشرينيات | twenties
d 30: الثلاثينات | الثلاثينيات | التلاتينات | thirties
d 40: الأربعينات | الأربعينيات | forties
d 50: الخمسينات | الخمسينيات | fifties
d 1960: الستينات | ستينات | الستينيات | sixties
d 1970: السبعينات | سبعينات | السبعينيات | seventies
d 1980: الثمانينات | ثمانينات | الثمانينيات | التمانينات | التمانينيات | eighties
d 1990: التسعينات | تسعينات | التسعينيات | nineties
q 1: أكثر من | أكتر من | أزيد من | ما يزيد عن | فوق | أكبر من | more than | over | older than
q 1: at least | على الأقل | وأكثر | وأكتر | or more
q 2: أقل من | تحت | أصغر من | less than | under | younger than | at most
a 0: حوالي | حوالى | تقريبا | تقريباً | نحو | بحدود | حدود | حدود سنة | يمكن | ممكن | أظن | اظن
a 0: بظن | ربما | قرابة | زهاء | شي
a 0: على ما أظن | على ما اذكر | ما بعرف بالضبط | ما بعرف | مابعرف | لا أعرف | لا أعرف بالضبط
a 0: مو متأكد | مو متأكدة | مش متأكد
a 0: مش متأكدة | لست متأكدا | لست متأكد | لست متأكدة | غير متأكد | مو أكيد | ما بتذكر
a 0: ما بتذكر بالضبط | لا أذكر | مو بالضبط | مش بالضبط | يعني
a 0: about | around | approximately | approx | circa | ca | roughly | maybe | perhaps | probably
a 0: i think | not sure | im not sure
a 0: i am not sure | not exactly | i dont know | i dont know exactly | dont know exactly
a 0: dont know | dont remember | i dont remember | i guess | sometime | some time
! 0: مو | مش | ليس | ليست | not | never | عيد ميلاده | عيد ميلادو | عيد ميلادها | عيد ميلادي
! 0: عيد جواز | birthday | before and after
! 0: القادم | القادمة | الجاي | الجاية | المقبل | المقبلة | next | coming
E between_eids: بين العيدين | between the eids | between the two eids
w government_fall: السقوط | التحرير
w uprising: ثورة | الثورة | الأحداث | الأزمة | الحراك | revolution | uprising
k 2: couple
f 0: في | فى | ب | ال | بال | على | عند | خلال | أثناء | وقت | بوقت | كان | كانت | بتاريخ
f 0: الموافق | المصادف | موافق | عال | ع | هال
n 1: أول يوم | اول ايام | first day
f 0: مفقود | مفقودة | مخطوف | مخطوفة | معتقل | معتقلة | مختفي | مختفية | غايب | غايبة
f 0: بعد الجمعة | بعد صلاة الجمعة | قبل صلاة الجمعة | بعد الصلاة | بعد صلاة العشاء | بعد العشاء
f 0: بعد العشا | بعد الفطور | قبل الفطور | قبل الإفطار | بعد الإفطار | بعد التراويح | بعد السحور
f 0: بعد صلاة العصر | بعد صلاة الظهر | بعد صلاة المغرب | بعد صلاة الفجر | العشا | العشاء
f 0: بعد الظهر | بعد الضهر | بعد العصر | قبل الظهر | قبل الضهر | بعد المغرب | قبل المغرب
f 0: in the afternoon | afternoon | بعد الفجر | قبل الفجر
f 0: مساء | مساءً | صباحا | صباحاً | الصبح | الضهر | الظهر | العصر | المغرب | المسا | المساء
f 0: الفجر | بالليل | ليلا | ليلة | ليل | صباح | هيك
f 0: ميلادي | ميلادية | م | ad | ce | am | pm | a m | p m
f 0: the | of | on | in | st | nd | rd | th | during | it | was | were | that | a | an | date
f 0: dated | happened | whole
f 0: السبت | الأحد | الاثنين | الإثنين | الاتنين | التنين | الثلاثاء | التلاتاء | التلاتا
f 0: الثلاثا | الأربعاء | الاربعا | الخميس | الجمعة | الجمعه
f 0: saturday | sunday | monday | tuesday | wednesday | thursday | friday | tue | wed | thu | fri
f 0: mon | tues | thurs
f 0: الموافق ل | هو | هذا التاريخ | كل | كلها | الشهر هو | السنة هي
"""

LONGEST = 5
"""The most words a phrase may have."""


def _entry(head: str) -> Entry:
    kind, *values = head.split()
    numbers = [int(value) for value in values if value.isdecimal()]
    words = [value for value in values if not value.isdecimal()]
    return Entry(kind, numbers[0] if numbers else 0, words[0] if words else "")


_HYPHENATED = frozenset(("al", "el", "ul", "eid", "mid", "rabi", "dhu", "dhul", "jumada"))
_HYPHENATED |= {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
"""After these a hyphen joins: "Eid al-Adha", "mid-August", "twenty-five"."""


def split_words(folded: str) -> list[str]:
    """Cut folded text into words, numbers and the strokes that stay in dates."""
    words: list[str] = []
    for piece in folded.split():
        for word in _pieces(piece):
            if word != "-" or not words or words[-1] not in _HYPHENATED:
                words.append(word)
    return words


def _pieces(piece: str) -> list[str]:
    """Cut where letters, digits and strokes meet: "آب2013", "21/8"."""
    pieces: list[str] = []
    before = ""
    for character in piece:
        sort = "9" if character.isdecimal() else "a" if character.isalnum() else character
        if sort == before and sort in "9a":
            pieces[-1] += character
        else:
            pieces.append(character)
        before = sort
    return pieces


def _table() -> dict[tuple[str, ...], Entry]:
    table: dict[tuple[str, ...], Entry] = {}
    for line in _PHRASES.strip().splitlines():
        head, _, spellings = line.partition(":")
        entry = _entry(head)
        for spelling in spellings.split("|"):
            table.setdefault(tuple(split_words(fold(spelling))), entry)
    return table


PHRASES = _table()
"""What each phrase is, by its folded words; where two lines claim one, the first has it."""
