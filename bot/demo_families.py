"""Invented families for training: who they miss, and what they answer to each question.

Everything follows from a seed, so that two people with the same seed train on the same cases. The
names are common ones, put together by chance; whoever bears one of them is not meant. Stories are
pieced together from harmless sentences: somebody who trains here should learn the tool, not be hurt
by it.

A `Telling` is what one reporter says about one person. Several reporters may tell of one person,
each in its own spelling and with its own gaps and mistakes, as real ones do; and several people may
be taken in one event, each with a report that names the one before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final, Literal

from flows.report import GOVERNORATES
from flows.text import Language

Sex = Literal["male", "female"]

_MALE: Final = (
    ("محمد", "Mohammad", "Mohamad", "Muhammed", "Mhd"), ("أحمد", "Ahmad", "Ahmed"),
    ("محمود", "Mahmoud", "Mahmud"), ("علي", "Ali"), ("حسن", "Hasan", "Hassan"),
    ("حسين", "Hussein", "Houssein", "Husain"), ("خالد", "Khaled", "Khalid"),
    ("عمر", "Omar", "Umar"), ("عمرو", "Amr"), ("يوسف", "Youssef", "Yusuf", "Yousef"),
    ("إبراهيم", "Ibrahim", "Ebrahim"), ("مصطفى", "Mustafa", "Moustapha"),
    ("عبد الرحمن", "Abdul Rahman", "Abd al-Rahman", "Abdurrahman"),
    ("عبد الله", "Abdullah", "Abdallah"), ("عبد الكريم", "Abdul Karim", "Abdelkarim"),
    ("نور الدين", "Noureddine", "Nour al-Din"), ("صلاح الدين", "Salah al-Din", "Salaheddin"),
    ("قاسم", "Qasem", "Kassem"), ("سالم", "Salem"), ("سليم", "Salim", "Saleem"),
    ("سليمان", "Suleiman", "Sleiman"), ("ياسين", "Yassin", "Yaseen"), ("ياسر", "Yasser"),
    ("مروان", "Marwan"), ("غسان", "Ghassan"), ("هيثم", "Haitham", "Haytham"),
    ("ثائر", "Thaer"), ("وائل", "Wael"), ("وسيم", "Wassim", "Wasim"), ("فادي", "Fadi"),
    ("شادي", "Shadi", "Chadi"), ("رامي", "Rami"), ("سامر", "Samer"), ("سمير", "Samir"),
    ("نبيل", "Nabil"), ("جمال", "Jamal"), ("كمال", "Kamal"), ("طارق", "Tarek", "Tariq"),
    ("زياد", "Ziad", "Ziyad"), ("إياد", "Iyad", "Eyad"), ("بلال", "Bilal"), ("حمزة", "Hamza"),
    ("أنس", "Anas"), ("أسامة", "Osama", "Oussama"), ("باسل", "Basel", "Bassel"),
    ("عدنان", "Adnan"), ("عماد", "Imad", "Emad"), ("ماهر", "Maher"), ("منذر", "Munzer", "Mundher"),
    ("نادر", "Nader"), ("رضا", "Reda", "Rida"), ("ضياء", "Diaa", "Dia"), ("عيسى", "Issa"),
    ("إلياس", "Elias"), ("جورج", "George"), ("حنا", "Hanna"), ("جوان", "Jwan", "Juan"),
    ("آزاد", "Azad"), ("دلوفان", "Delovan"), ("سردار", "Serdar"),
)  # fmt: skip
_FEMALE: Final = (
    ("فاطمة", "Fatima", "Fatimah"), ("مريم", "Maryam", "Mariam"), ("عائشة", "Aisha", "Aicha"),
    ("خديجة", "Khadija"), ("زينب", "Zainab", "Zeinab"), ("سلمى", "Salma"),
    ("ليلى", "Leila", "Layla"),
    ("هدى", "Huda", "Houda"), ("منى", "Mona", "Muna"), ("رنا", "Rana"), ("ريم", "Reem", "Rim"),
    ("سعاد", "Souad", "Suad"), ("نجوى", "Najwa"), ("هالة", "Hala"), ("آمنة", "Amneh", "Amina"),
    ("ياسمين", "Yasmin", "Yasmeen"), ("رؤى", "Roua"), ("إيمان", "Iman", "Eman"),
    ("سمر", "Samar"), ("سميرة", "Samira"), ("كريمة", "Karima"), ("نوال", "Nawal"),
    ("وفاء", "Wafaa", "Wafa"), ("صفاء", "Safaa", "Safa"), ("حنان", "Hanan"), ("جميلة", "Jamila"),
    ("غادة", "Ghada"), ("رغد", "Raghad"), ("شيرين", "Shirin"), ("بيريفان", "Perivan"),
    ("روجين", "Rojin"), ("جوليا", "Julia"), ("ماري", "Mary"), ("نسرين", "Nisrin", "Nesreen"),
)  # fmt: skip
_FAMILY: Final = (
    ("الخطيب", "al-Khatib", "Al Khateeb", "Khatib"), ("الحلبي", "al-Halabi", "Halabi"),
    ("الشامي", "al-Shami", "Chami"), ("الحمصي", "al-Homsi", "Homsi"),
    ("النجار", "al-Najjar", "Najjar"),
    ("الحداد", "al-Haddad", "Haddad"), ("الخياط", "al-Khayyat", "Khayat"), ("الأحمد", "al-Ahmad"),
    ("المحمد", "al-Mohammad", "al-Muhammad"), ("الحسن", "al-Hasan", "Alhassan"),
    ("الحسين", "al-Hussein", "Alhusain"), ("العلي", "al-Ali", "Alali"), ("العمر", "al-Omar"),
    ("السيد", "al-Sayed", "Elsayed"), ("الشيخ", "al-Sheikh", "Cheikh"),
    ("القاسم", "al-Qasem", "Alkassem"),
    ("الصالح", "al-Saleh", "Saleh"), ("العبد الله", "al-Abdullah", "Alabdallah"),
    ("الزين", "al-Zein", "Zein"), ("زيتون", "Zeitoun", "Zaitoun"),
    ("أبو زيد", "Abu Zeid", "Abou Zeid"),
    ("أبو خالد", "Abu Khaled"), ("قدور", "Kaddour", "Qaddour"), ("دياب", "Diab", "Dyab"),
    ("درويش", "Darwish", "Darwich"), ("رمضان", "Ramadan"), ("شاهين", "Shahin", "Chahine"),
    ("عثمان", "Othman", "Osman"), ("عباس", "Abbas"), ("غزال", "Ghazal"), ("فارس", "Fares", "Faris"),
    ("كيلاني", "Kilani", "Kaylani"), ("مراد", "Murad", "Mourad"), ("منصور", "Mansour", "Mansur"),
    ("ناصر", "Nasser", "Naser"), ("نعمة", "Nehme", "Naameh"), ("يعقوب", "Yaacoub", "Yaqoub"),
    ("حمدان", "Hamdan"), ("حمود", "Hammoud", "Hamoud"), ("خليل", "Khalil"), ("سلوم", "Salloum"),
    ("شعبان", "Shaaban", "Chaaban"), ("صقر", "Sakr", "Saqr"), ("طحان", "Tahhan"), ("عجاج", "Ajaj"),
    ("عيد", "Eid"), ("قباني", "Kabbani", "Qabbani"), ("كردي", "Kurdi", "Kourdi"),
    ("مخلوطة", "Makhlouta"),
    ("ملحم", "Melhem"), ("نحاس", "Nahhas"), ("هلال", "Hilal"), ("وهبة", "Wehbe"),
    ("بركات", "Barakat"),
    ("تللو", "Tello"), ("جاسم", "Jassem", "Jasim"), ("حسو", "Hasso"), ("رشو", "Rasho"),
    ("السنديان", "al-Sindian"), ("قرقوط", "Karkout"), ("الزعبي", "al-Zoubi", "Zoabi"),
    ("المصري", "al-Masri", "Elmasri"), ("العيسى", "al-Issa"), ("الموسى", "al-Mousa"),
)  # fmt: skip

_PLACES: Final[Mapping[Language, tuple[str, ...]]] = {
    "ar": (
        "حاجز عند مدخل البلدة", "شارع السوق القديم", "قرب الجسر الشمالي", "ساحة المدرسة",
        "طريق المطار", "موقف الباصات", "حي البستان", "خلف الجامع الكبير", "مفرق القرية",
        "قرب الفرن الآلي", "الطريق الدولي", "حاجز الجسر الأبيض",
    ),
    "en": (
        "the checkpoint before the town", "the old market street", "near the north bridge",
        "the school square", "airport road", "the bus stop", "the orchard quarter",
        "behind the big mosque", "the village crossing", "near the bakery", "the highway",
    ),
}  # fmt: skip
_TOWNS: Final[Mapping[Language, tuple[str, ...]]] = {
    "ar": ("قرية الزيتون", "البلدة القديمة", "حي الورد", "قرية العين", "ضاحية النخيل", "حي التين"),
    "en": ("Olive Village", "the old town", "the rose quarter", "Spring Village",
    "the palm suburb"),
}  # fmt: skip
_STORIES: Final[Mapping[Language, tuple[str, ...]]] = {
    "ar": (
        "خرج ليشتري الخبز ولم يعد.", "اتصلنا كثيراً ولم يجب أحد.", "كان معه جارنا وعاد وحده.",
        "قالوا إنه سؤال وجواب لخمس دقائق.", "انتظرنا في البيت حتى الصباح.",
        "سألنا في المخفر فقالوا لا نعرف شيئاً.", "كان يلبس قميصاً أزرق ويحمل حقيبته.",
        "توقف الباص وطلبوا الهويات من الجميع.", "كان طالباً في السنة الثانية.",
        "وصلتنا رسالة قصيرة منه في المساء ثم انقطع الهاتف.", "ذهب إلى عمله كعادته.",
        "أخبرنا سائق أنه رآه عند المفرق.", "راجعنا أكثر من مكان دون جواب.",
        "نرجو أن نعرف أي خبر عنه.", "كان يعمل في محل صغير في السوق.",
        "لم يكن معه سوى هاتفه ومفاتيح البيت.", "سافر ليزور أخته في المدينة.",
    ),
    "en": (
        "They went out for bread and did not return.", "We called for days; nobody answered.",
        "A neighbour was with them and came back alone.", "They said it was only a few questions.",
        "We waited at home until the morning.",
        "At the police station they said they knew nothing.",
        "They were wearing a blue shirt and carrying a bag.",
        "The bus was stopped and papers were asked for.",
        "They were in the second year at university.",
        "We had a short message in the evening, then the phone was off.",
        "They went to work as on any day.", "A driver told us of having seen them at the crossing.",
        "We asked in many places and had no answer.", "We hope for any news of them.",
        "They worked in a small shop in the market.",
        "They had only a phone and the keys with them.",
    ),
}  # fmt: skip
_ADDED: Final[Mapping[Language, tuple[str, ...]]] = {
    "ar": (
        "نريد أن نصحح التاريخ الذي ذكرناه.", "تذكرنا أن معه جواز سفره.",
        "انتقلنا إلى مدينة أخرى ونرجو البقاء على تواصل.", "سمعنا أن بعض الناس عادوا من هناك.",
    ),
    "en": (
        "We want to correct the date we gave.", "We remember now that the passport was with them.",
        "We moved to another city and hope to stay in touch.",
        "We heard that some people came back.",
    ),
}  # fmt: skip
_OF_HER: Final[Mapping[str, str]] = {
    "خرج ليشتري الخبز ولم يعد.": "خرجت لتشتري الخبز ولم تعد.",
    "كان معه جارنا وعاد وحده.": "كانت معها جارتنا وعادت وحدها.",
    "كان يلبس قميصاً أزرق ويحمل حقيبته.": "كانت تلبس معطفاً أزرق وتحمل حقيبتها.",
    "كان طالباً في السنة الثانية.": "كانت طالبة في السنة الثانية.",
    "وصلتنا رسالة قصيرة منه في المساء ثم انقطع الهاتف.":
        "وصلتنا رسالة قصيرة منها في المساء ثم انقطع الهاتف.",
    "ذهب إلى عمله كعادته.": "ذهبت إلى عملها كعادتها.",
    "أخبرنا سائق أنه رآه عند المفرق.": "أخبرنا سائق أنه رآها عند المفرق.",
    "نرجو أن نعرف أي خبر عنه.": "نرجو أن نعرف أي خبر عنها.",
    "كان يعمل في محل صغير في السوق.": "كانت تعمل في محل صغير في السوق.",
    "لم يكن معه سوى هاتفه ومفاتيح البيت.": "لم يكن معها سوى هاتفها ومفاتيح البيت.",
    "سافر ليزور أخته في المدينة.": "سافرت لتزور أختها في المدينة.",
    "تذكرنا أن معه جواز سفره.": "تذكرنا أن معها جواز سفرها.",
}  # fmt: skip
"""What is told of a man, as it is told of a woman."""
_NOTES: Final = (
    "تمت قراءة البلاغ، يلزم التأكد من التاريخ مع العائلة.",
    "اتصلت بالعائلة هاتفياً، الأم بخير وتشكر على المتابعة.",
    "يبدو أن هناك بلاغاً آخر عن الشخص نفسه، يجب المقارنة.",
    "Read the report; the place needs to be asked about again.",
    "Spoke with the brother, who will look for the registry number.",
    "Two reports of the same event: compare the dates.",
)
_STATE_UNITS: Final = (
    "st_mil_int", "st_air_int", "st_gen_int", "st_pol_sec", "st_crim_sec", "st_police",
    "st_mil_police", "st_army", "st_ndf", "st_shabiha", "st_allied", "st_unspecified",
)  # fmt: skip
_PARTIES: Final[Mapping[str, tuple[str, ...]]] = {
    "state": _STATE_UNITS, "isis": (), "hts": (), "opp": (), "north": ("sna", "turkey"),
    "east": ("sdf", "asayish"), "now": ("tr_sec", "tr_mod"), "local": ("local_group", "gang"),
    "foreign": ("israel", "other_state"), "none": (), "other": (),
}  # fmt: skip
_PARTY_ODDS: Final = (50, 14, 5, 6, 5, 6, 3, 5, 1, 3, 2)
_HOW: Final = (
    "checkpoint", "home_raid", "workplace", "education", "summons", "street", "hospital",
    "protest", "border", "conscription", "hostage_swap", "abduction", "siege_exit",
    "displacement", "fighting_shelling", "migration_land", "migration_sea", "prison_transfer",
    "child_with_parent", "earthquake_2023", "other",
)  # fmt: skip
_HOW_ODDS: Final = (42, 17, 5, 3, 4, 8, 1, 2, 2, 2, 1, 5, 2, 3, 3, 2, 2, 1, 1, 1, 1)
_FACILITIES: Final = ("sednaya", "mi_215", "mi_235", "gi_251", "adra", "homs_c", "hol", "sdf_sinaa")
_RELATIONS: Final = (
    "mother", "father", "sister", "brother", "daughter", "son", "paternal_uncle",
    "maternal_aunt", "cousin_pat", "friend", "neighbour", "lawyer",
)  # fmt: skip
_COUNTRIES: Final = ("SY", "LB", "TR", "JO", "IQ", "EG", "DE", "NL", "SE", "FR", "other")
_COUNTRY_ODDS: Final = (30, 12, 20, 8, 3, 3, 14, 3, 3, 2, 2)
_MONTHS_AR: Final = (
    "كانون الثاني", "شباط", "آذار", "نيسان", "أيار", "حزيران", "تموز", "آب", "أيلول",
    "تشرين الأول", "تشرين الثاني", "كانون الأول",
)  # fmt: skip
_MONTHS_EN: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_EASTERN: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")

Spellings = tuple[str, ...]
"""One name: its Arabic spelling first, then Latin ones."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody missed: the names with their spellings, and what happened."""

    sex: Sex
    given: Spellings
    father: Spellings
    family: Spellings
    mother: Spellings
    mothers_family: Spellings
    born: int
    gone: date
    area: str
    place: int
    how: str
    party: str
    unit: str
    town: int


@dataclass(frozen=True, slots=True)
class Telling:
    """What one reporter says of one person. ``said`` is keyed by question (``others[].name``).

    A value that begins with ``=`` chooses codes (``=police,icrc``), one with ``~`` leaves the
    question out (``~unknown``, ``~prefer_not``, ``~skip``); anything else is typed. ``like`` is the
    number of the telling about the same person, ``with_`` of one about somebody taken together.
    """

    number: int
    person: Person
    language: Language
    received_on: date
    said: Mapping[str, str] = field(repr=False)
    like: int | None = None
    with_: int | None = None
    added: str = field(default="", repr=False)
    noted: str = field(default="", repr=False)
    checked_in: bool = False
    asks_for_person: bool = False

    @property
    def reachable(self) -> bool:
        """Whether the family may be written to."""
        return self.said["f3_reach"] == "=reachable"


def invent(count: int, seed: int, until: date) -> Iterator[Telling]:
    """Yield ``count`` tellings in the order they were received, the last on day ``until``."""
    chance = random.Random(f"families {seed}")
    first = until - timedelta(days=540)
    days = sorted(chance.randrange(541) for _number in range(count))
    told: list[Telling] = []
    for number, after in enumerate(days):
        received = first + timedelta(days=after)
        telling = _next(chance, number, received, told)
        told.append(telling)
        yield telling


def _next(chance: random.Random, number: int, received: date, told: list[Telling]) -> Telling:
    """Most tell of somebody new; some of a person already told of, or of one taken together."""
    throw = chance.random()
    if told and throw < 0.07:
        former = chance.choice(told[-400:])
        person = replace(former.person, place=former.person.place + chance.choice((0, 0, 1)))
        return replace(_tell(chance, number, person, received, strays=True), like=former.number)
    if told and throw < 0.11 and told[-1].person.gone < received:
        former = told[-1]
        relative = _together(chance, former.person)
        return replace(_tell(chance, number, relative, received), with_=former.number)
    return _tell(chance, number, _somebody(chance, received), received)


def _somebody(chance: random.Random, received: date) -> Person:
    sex: Sex = "female" if chance.random() < 0.16 else "male"
    how = chance.choices(_HOW, _HOW_ODDS)[0]
    party = chance.choices(tuple(_PARTIES), _PARTY_ODDS)[0]
    units = _PARTIES[party]
    gone = _gone(chance, received, how)
    areas = [area.code for area in GOVERNORATES]
    area = chance.choice([*areas, *areas, "abroad"])
    return Person(
        sex, chance.choice(_MALE if sex == "male" else _FEMALE), chance.choice(_MALE),
        chance.choice(_FAMILY), chance.choice(_FEMALE), chance.choice(_FAMILY),
        gone.year - chance.randint(14, 62), gone,
        "at_sea" if how == "migration_sea" else area,
        chance.randrange(11), how, party,
        chance.choice(units) if units and chance.random() < 0.75 else "",
        chance.randrange(5),
    )  # fmt: skip


def _gone(chance: random.Random, received: date, how: str) -> date:
    """A day of the years 2011 to 2025, early ones more often; a few right before the report."""
    if how == "earthquake_2023":
        return date(2023, 2, 6)
    if chance.random() < 0.025:
        return received - timedelta(days=chance.randint(5, 80))
    year = chance.choices(range(2011, 2026), (5, 12, 16, 13, 8, 6, 5, 6, 4, 3, 2, 2, 2, 3, 2))[0]
    day = date(year, 1, 1) + timedelta(days=chance.randrange(365))
    return min(day, received - timedelta(days=100))


def _together(chance: random.Random, person: Person) -> Person:
    """Somebody else of the same family, taken at the same time."""
    given = chance.choice([name for name in _MALE if name != person.given])
    return replace(
        person, sex="male", given=given, born=person.born + chance.randint(-6, 6),
        mother=person.mother,
    )  # fmt: skip


def _tell(
    chance: random.Random, number: int, person: Person, received: date, strays: bool = False
) -> Telling:
    """``strays``: another reporter of the same person, who remembers some of it otherwise."""
    language: Language = "en" if chance.random() < 0.22 else "ar"
    said = dict(_said(chance, person, language, received, strays))
    return Telling(
        number, person, language, received, said,
        added=_of(person, chance.choice(_ADDED[language])) if chance.random() < 0.15 else "",
        noted=chance.choice(_NOTES) if chance.random() < 0.35 else "",
        checked_in=said["f3_reach"] == "=reachable" and chance.random() < 0.12,
        asks_for_person=chance.random() < 0.03,
    )  # fmt: skip


def _spelled(chance: random.Random, name: Spellings, language: Language) -> str:
    if language == "en":
        return chance.choice(name[1:])
    arabic = name[0]
    if chance.random() < 0.12:
        arabic = arabic.replace("أ", "ا").replace("إ", "ا").replace("ى", "ي").replace("ة", "ه")
    return arabic.replace("عبد ", "عبد") if chance.random() < 0.3 else arabic


def _said(
    chance: random.Random, person: Person, language: Language, received: date, strays: bool
) -> Iterator[tuple[str, str]]:
    yield "pace", "=short" if chance.random() < 0.05 else "=full"
    yield from _who(chance, person, language, strays)
    yield from _what(chance, person, language, received, strays)
    yield from _since(chance, person, language, received)
    yield from _reporter(chance, person, language)


def _who(
    chance: random.Random, person: Person, language: Language, strays: bool
) -> Iterator[tuple[str, str]]:
    given = _spelled(chance, person.given, language)
    yield "b1_sex", f"={person.sex}"
    wed = "husband" if person.sex == "female" else "wife"
    yield "a4_relation", f"={chance.choice((*_RELATIONS, wed, wed))}"
    yield "b2_given", given
    yield "b3_father", _spelled(chance, person.father, language)
    yield "b4_family", _spelled(chance, person.family, language)
    mother = _spelled(chance, person.mother, language)
    if chance.random() < 0.6:
        mother += f" {_spelled(chance, person.mothers_family, language)}"
    yield "b5_mother", _maybe(chance, mother)
    called = {"ar": f"أبو {person.father[0]}", "en": f"Abu {person.father[1]}"}[language]
    yield "b6_called", called if person.sex == "male" and chance.random() < 0.25 else "~skip"
    born = person.born + (chance.choice((-1, 1)) if strays and chance.random() < 0.3 else 0)
    yield "b7_birth", _maybe(chance, _digits(chance, str(born), language))
    town = _TOWNS[language][person.town]
    yield "b8_birthplace", _maybe(chance, town)
    other = chance.random()
    yield "b9_nationality", "=palestinian_sy" if other < 0.06 else "=syrian"
    yield "b10_id", str(chance.randrange(10**10, 10**11)) if chance.random() < 0.2 else "~skip"
    yield "b11_home", f"={person.area}" if person.area.startswith("SY-") else town
    yield "b12_pregnant", "=no"


def _of(person: Person, sentence: str) -> str:
    """Return ``sentence`` as it is told of this person."""
    return _OF_HER.get(sentence, sentence) if person.sex == "female" else sentence


def _what(
    chance: random.Random, person: Person, language: Language, received: date, strays: bool
) -> Iterator[tuple[str, str]]:
    gone = person.gone
    if strays and chance.random() < 0.4:
        gone = min(received, gone + timedelta(days=chance.choice((-30, -7, -1, 1, 7, 30))))
    yield "c1_when", _day(chance, gone, language)
    yield "c2_gov", f"={person.area}"
    yield "c2_country", {"ar": "لبنان", "en": "Lebanon"}[language]
    places = _PLACES[language]
    yield "c3_place", _maybe(chance, places[person.place % len(places)])
    yield "c4_how", f"={person.how}"
    yield "c4_words", _of(person, _STORIES[language][0])
    yield "c5_by", f"={person.party}"
    yield f"c5_{person.party}", f"={person.unit}" if person.unit else "~unknown"
    stories = _STORIES[language]
    yield (
        "c5_words",
        _of(person, chance.choice(stories)) if chance.random() < 0.2 else "~skip",
    )
    drawn = chance.sample(stories, chance.randint(2, 9))
    sentences = [_of(person, sentence) for sentence in drawn]
    yield "c6_story", " ".join(sentences) if chance.random() < 0.8 else "~skip"
    others = chance.random() < 0.3
    yield "c7_others", "=yes" if others else "=no"
    yield "c7_count", str(chance.randint(1, 12)) if chance.random() < 0.7 else "~unknown"
    yield "others[].name", _spelled(chance, chance.choice(_MALE), language)
    yield "others[].kin", f"={chance.choice(('relative', 'friend', 'neighbour', 'stranger'))}"
    yield "others[].more", "=no"


def _since(
    chance: random.Random, person: Person, language: Language, received: date
) -> Iterator[tuple[str, str]]:
    yield "d1_heard", f"={chance.choices(('none', 'direct', 'someone'), (6, 1, 3))[0]}"
    yield "sightings[].place", f"={chance.choice(_FACILITIES)}"
    year = min(person.gone.year + chance.randint(0, 2), received.year)
    yield "sightings[].when", _digits(chance, str(year), language)
    yield "sightings[].source", f"={chance.choice(('released', 'relative', 'list', 'middleman'))}"
    yield "sightings[].more", "=no"
    yield "d3_paper", "=no" if chance.random() < 0.8 else "=yes"
    steps = ("police,icrc", "branch", "court,lawyer", "icrc,ncmp,un", "association", "nobody")
    yield "d4_steps", f"={chance.choice(steps)}"
    registered = chance.choice(("none", "none", "icrc", "iimp,icrc", "ncmp", "association"))
    yield "d5_elsewhere", f"={registered}"
    number = f"SYR-{chance.randrange(10**6):06}"
    yield "d5_number", number if chance.random() < 0.5 else "~skip"
    yield "e1_photo", "=yes" if chance.random() < 0.7 else "=no"


def _reporter(
    chance: random.Random, person: Person, language: Language
) -> Iterator[tuple[str, str]]:
    yield (
        "f1_name",
        _spelled(chance, chance.choice(_FEMALE if chance.random() < 0.6 else _MALE), language),
    )
    yield "f2_country", f"={chance.choices(_COUNTRIES, _COUNTRY_ODDS)[0]}"
    yield "f3_reach", "=detached" if chance.random() < 0.12 else "=reachable"
    yield "f3_hours", f"={chance.choice(('any', 'any', 'morning', 'afternoon', 'evening'))}"
    yield "f3_rhythm", f"={chance.choice(('month', 'quarter', 'news_only'))}"
    yield "f3_who", "~skip"
    yield "f4_backup", "~skip"
    shared = ("none_now", "none_now", "icrc", "iimp,icrc", "icrc,icmp,ncmp,association")
    yield "f5_share", f"={chance.choice(shared)}"


def _maybe(chance: random.Random, said: str) -> str:
    """Mostly the answer, sometimes one of the ways of giving none."""
    return chance.choices((said, "~unknown", "~skip", "~prefer_not"), (12, 2, 1, 1))[0]


def _digits(chance: random.Random, text: str, language: Language) -> str:
    eastern = language == "ar" and chance.random() < 0.4
    return text.translate(_EASTERN) if eastern else text


def _day(chance: random.Random, day: date, language: Language) -> str:
    """Write a day as people do: with the month's name, as numbers, or only month or year."""
    months = _MONTHS_AR if language == "ar" else _MONTHS_EN
    month = months[day.month - 1]
    way = chance.choices(range(5), (40, 25, 20, 10, 5))[0]
    number = {"ar": f"شهر {day.month} سنة {day.year}", "en": f"{month} {day.year}"}[language]
    texts = (
        f"{day.day} {month} {day.year}", f"{day.day}/{day.month}/{day.year}",
        f"{month} {day.year}", number, str(day.year),
    )  # fmt: skip
    return _digits(chance, texts[way], language)
