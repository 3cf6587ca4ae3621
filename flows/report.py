"""The report: what we ask a family, in the order we ask it.

The keys begin with the letters and numbers under which the field's documents know the questions
(``b3_father`` is B3); what follows from one of them carries its number (``c5_state`` is the second
step of C5). The six things the UN Working Group needs (who, when, where, by whom, steps taken, who
reports) are in it, and a missing detail never blocks a report.

Deliberately absent, and kept absent by a test: why somebody was arrested, politics, armed groups a
person may have belonged to, religion and origin, money paid, torture, marks on a body, and the
names of witnesses.

The short path for people in danger is the same flow with ``pace`` answered ``short``: eight
questions. Answering ``full`` later brings the others back.
"""

from __future__ import annotations

from typing import Final

from flows.answer_words import HEARD, HOURS, KIN, PLACES, STEPS, TOGETHER, UNITS, WAYS
from flows.answer_words import PARTIES as CAPTORS
from flows.questions import (
    LONGEST_STORY,
    OPTIONAL,
    SKIP_ONLY,
    STORY_HINT,
    YES_OR_NO,
    AgeMayBe,
    Choice,
    Choosable,
    Condition,
    Every,
    Given,
    Is,
    MultipleChoice,
    Name,
    Not,
    Number,
    Place,
    Review,
    RoughDateQuestion,
    Text,
    YesNo,
)
from flows.shape import Flow, Repeat, Section
from flows.text import Words, _, about

FULL = Is("pace", ("full",))


def full(condition: Condition | None = None) -> Condition:
    """Return the condition that also wants the full report, not the short one."""
    return Every((FULL, condition)) if condition else FULL


OTHER = Choosable("other", _("Something else"))
OTHER_PERSON = Choosable("other", _("Someone else"))

GOVERNORATES = (
    Choosable("SY-DI", _("Damascus"), PLACES["SY-DI"]),
    Choosable("SY-RD", _("Rural Damascus"), PLACES["SY-RD"]),
    Choosable("SY-HL", _("Aleppo"), PLACES["SY-HL"]),
    Choosable("SY-HI", _("Homs"), PLACES["SY-HI"]),
    Choosable("SY-HM", _("Hama"), PLACES["SY-HM"]),
    Choosable("SY-LA", _("Lattakia"), PLACES["SY-LA"]),
    Choosable("SY-ID", _("Idleb"), PLACES["SY-ID"]),
    Choosable("SY-HA", _("Al-Hasakah"), PLACES["SY-HA"]),
    Choosable("SY-DY", _("Deir ez-Zor"), PLACES["SY-DY"]),
    Choosable("SY-TA", _("Tartous"), PLACES["SY-TA"]),
    Choosable("SY-RA", _("Ar-Raqqa"), PLACES["SY-RA"]),
    Choosable("SY-DR", _("Dar'a"), PLACES["SY-DR"]),
    Choosable("SY-SU", _("As-Sweida"), PLACES["SY-SU"]),
    Choosable("SY-QU", _("Quneitra"), PLACES["SY-QU"]),
)
ABROAD = Choosable("abroad", _("Outside Syria"))
AT_SEA = Choosable("at_sea", _("At sea"))

RELATIONS = (
    Choosable("mother", about("I am their mother"), KIN["mother"]),
    Choosable("father", about("I am their father"), KIN["father"]),
    Choosable(
        "wife",
        _("I am his wife"),
        KIN["wife"],
        when=Not(Is("b1_sex", ("female",))),
    ),
    Choosable(
        "husband",
        _("I am her husband"),
        KIN["husband"],
        when=Not(Is("b1_sex", ("male",))),
    ),
    Choosable("daughter", about("I am their daughter"), KIN["daughter"]),
    Choosable("son", about("I am their son"), KIN["son"]),
    Choosable("sister", about("I am their sister"), KIN["sister"]),
    Choosable("brother", about("I am their brother"), KIN["brother"]),
    Choosable("grandmother", about("I am their grandmother"), KIN["grandmother"]),
    Choosable("grandfather", about("I am their grandfather"), KIN["grandfather"]),
    Choosable("paternal_uncle", about("I am their father's brother"), KIN["paternal_uncle"]),
    Choosable("paternal_aunt", about("I am their father's sister"), KIN["paternal_aunt"]),
    Choosable("maternal_uncle", about("I am their mother's brother"), KIN["maternal_uncle"]),
    Choosable("maternal_aunt", about("I am their mother's sister"), KIN["maternal_aunt"]),
    Choosable("cousin_pat", about("Cousin, their father's side"), KIN["cousin_pat"]),
    Choosable("cousin_mat", about("Cousin, their mother's side"), KIN["cousin_mat"]),
    Choosable("nephew_niece", about("I am their niece or nephew"), KIN["nephew_niece"]),
    Choosable("in_law", _("I am related by marriage"), KIN["in_law"]),
    Choosable("fiance", about("We are engaged to be married"), KIN["fiance"]),
    Choosable("friend", _("I am a friend"), KIN["friend"]),
    Choosable("neighbour", _("I am a neighbour"), KIN["neighbour"]),
    Choosable("co_detainee", about("I was held with them"), KIN["co_detainee"]),
    Choosable("lawyer", _("I am a lawyer"), KIN["lawyer"]),
    Choosable("association", _("From an association"), KIN["association"]),
    Choosable("self", _("It is about myself"), KIN["self"]),
    OTHER_PERSON,
)

HOW = (
    Choosable("checkpoint", _("At a checkpoint"), WAYS["checkpoint"]),
    Choosable("home_raid", _("In a raid on the home"), WAYS["home_raid"]),
    Choosable("workplace", _("From the workplace"), WAYS["workplace"]),
    Choosable("education", _("From school or university"), WAYS["education"]),
    Choosable("summons", _("Summoned to a branch or an office"), WAYS["summons"]),
    Choosable("street", _("From the street"), WAYS["street"]),
    Choosable("hospital", _("From a hospital"), WAYS["hospital"]),
    Choosable("protest", _("At a demonstration"), WAYS["protest"]),
    Choosable("border", _("At a border crossing or airport"), WAYS["border"]),
    Choosable("conscription", _("During military service"), WAYS["conscription"]),
    Choosable("hostage_swap", _("Held in place of a wanted relative"), WAYS["hostage_swap"]),
    Choosable("abduction", _("Abducted"), WAYS["abduction"]),
    Choosable("siege_exit", _("Leaving a siege, or after a settlement"), WAYS["siege_exit"]),
    Choosable("displacement", _("While fleeing"), WAYS["displacement"]),
    Choosable("fighting_shelling", _("Shelling or fighting"), WAYS["fighting_shelling"]),
    Choosable("migration_land", _("On the way to refuge, by land"), WAYS["migration_land"]),
    Choosable("migration_sea", _("On the way to refuge, by sea"), WAYS["migration_sea"]),
    Choosable(
        "prison_transfer", _("Moved from a prison and not seen since"), WAYS["prison_transfer"]
    ),
    Choosable(
        "child_with_parent", _("A child taken together with family"), WAYS["child_with_parent"]
    ),
    Choosable("earthquake_2023", _("The earthquake of February 2023"), WAYS["earthquake_2023"]),
    OTHER,
)
NO_CAPTOR = ("fighting_shelling", "migration_sea", "earthquake_2023")

PARTIES = (
    Choosable("state", _("Former government's forces or security"), CAPTORS["state"]),
    Choosable("isis", _("ISIS"), CAPTORS["isis"]),
    Choosable("hts", _("The Nusra Front or HTS"), CAPTORS["hts"]),
    Choosable("opp", _("Another armed opposition group"), CAPTORS["opp"]),
    Choosable("north", _("Syrian National Army or Turkish forces"), CAPTORS["north"]),
    Choosable("east", _("The SDF or the Asayish"), CAPTORS["east"]),
    Choosable("now", _("The authorities since December 2024"), CAPTORS["now"]),
    Choosable("local", _("A local armed group, a gang or smugglers"), CAPTORS["local"]),
    Choosable("foreign", _("Forces or authorities of another State"), CAPTORS["foreign"]),
    Choosable("none", _("Nobody: shelling, flight, sea, earthquake"), CAPTORS["none"]),
    OTHER_PERSON,
)
STATE_UNITS = (
    Choosable("st_mil_int", _("Military Intelligence"), UNITS["st_mil_int"]),
    Choosable("st_air_int", _("Air Force Intelligence"), UNITS["st_air_int"]),
    Choosable("st_gen_int", _("General Intelligence (State Security)"), UNITS["st_gen_int"]),
    Choosable("st_pol_sec", _("Political Security"), UNITS["st_pol_sec"]),
    Choosable("st_crim_sec", _("Criminal Security"), UNITS["st_crim_sec"]),
    Choosable("st_police", _("Police"), UNITS["st_police"]),
    Choosable("st_mil_police", _("Military Police"), UNITS["st_mil_police"]),
    Choosable("st_army", _("Army (Republican Guard, 4th Division …)"), UNITS["st_army"]),
    Choosable("st_ndf", _("National Defence Forces"), UNITS["st_ndf"]),
    Choosable("st_shabiha", _("Popular committees (Shabiha)"), UNITS["st_shabiha"]),
    Choosable("st_allied", _("Allied foreign militias (Hezbollah …)"), UNITS["st_allied"]),
    Choosable("st_russia", _("Russian forces"), UNITS["st_russia"]),
    Choosable("st_unspecified", _("That side, but the unit is not known")),
)
NORTH_UNITS = (
    Choosable("sna", _("Factions of the Syrian National Army")),
    Choosable("turkey", _("Turkish forces")),
)
EAST_UNITS = (
    Choosable("sdf", _("The SDF or the YPG"), ("قسد",)),
    Choosable("asayish", _("The Asayish"), ("اسايش",)),
)
NOW_UNITS = (
    Choosable("tr_sec", _("General Security"), ("الأمن العام",)),
    Choosable("tr_mod", _("Ministry of Defence"), ("وزارة الدفاع",)),
)
LOCAL_UNITS = (
    Choosable("local_group", _("A local armed group")),
    Choosable("gang", _("A gang or smugglers")),
)
FOREIGN_UNITS = (
    Choosable("israel", _("Israeli forces")),
    Choosable("other_state", _("Another State's authorities")),
)

FACILITIES = (
    Choosable("sednaya", _("Sednaya military prison"), ("صيدنايا", "sednaya", "saydnaya")),
    Choosable("mi_215", _("Branch 215 (raids)"), ("215", "فرع 215", "سرية المداهمة")),
    Choosable("mi_216", _("Branch 216 (patrols)"), ("216", "فرع 216")),
    Choosable("mi_227", _("Branch 227 (area)"), ("227", "فرع 227", "فرع المنطقة")),
    Choosable("mi_235", _("Branch 235 (Palestine)"), ("235", "فرع فلسطين")),
    Choosable("mi_248", _("Branch 248 (investigation)"), ("248", "فرع 248")),
    Choosable("mi_291", _("Branch 291"), ("291", "فرع 291")),
    Choosable("mi_293", _("Branch 293 (officers)"), ("293", "فرع 293")),
    Choosable("gi_251", _("Branch 251 (al-Khatib)"), ("251", "فرع الخطيب", "الخطيب")),
    Choosable("gi_285", _("Branch 285"), ("285", "فرع 285")),
    Choosable("gi_300", _("Branch 300 (espionage)"), ("300", "فرع 300")),
    Choosable("afi_mezzeh", _("Mezzeh airport (Air Force)"), ("مطار المزة",)),
    Choosable("afi_harasta", _("Harasta (Air Force)"), ("حرستا",)),
    Choosable("ps_fayhaa", _("Political Security, Fayhaa"), ("الفيحاء",)),
    Choosable("adra", _("Adra (Damascus central)"), ("عدرا", "adra")),
    Choosable("homs_c", _("Homs central prison"), ("سجن حمص",)),
    Choosable("aleppo_c", _("Aleppo central prison"), ("سجن حلب",)),
    Choosable("hama_c", _("Hama central prison"), ("سجن حماة",)),
    Choosable("tadmor", _("Tadmor prison"), ("تدمر", "palmyra")),
    Choosable("mezzeh_prison", _("Mezzeh prison"), ("سجن المزة",)),
    Choosable("mp_qaboun", _("Military Police, Qaboun"), ("القابون",)),
    Choosable("h_601", _("Military hospital 601"), ("مشفى 601", "601")),
    Choosable("h_tishreen", _("Tishreen military hospital"), ("مشفى تشرين", "تشرين العسكري")),
    Choosable("isis_stadium", _("The stadium in Raqqa"), ("الملعب الأسود", "الملعب البلدي")),
    Choosable("hts_uqab", _("al-Uqab prison"), ("العقاب",)),
    Choosable("sdf_sinaa", _("Sina'a prison (Ghweiran)"), ("غويران", "الصناعة")),
    Choosable("hol", _("al-Hol camp"), ("الهول",)),
    Choosable("sna_raju", _("Raju prison"), ("راجو",)),
)

COUNTRIES = (
    Choosable("SY", _("Syria"), ("سوريا",)),
    Choosable("LB", _("Lebanon")),
    Choosable("TR", _("Türkiye"), ("turkey", "تركيا")),
    Choosable("JO", _("Jordan")),
    Choosable("IQ", _("Iraq")),
    Choosable("EG", _("Egypt")),
    Choosable("DE", _("Germany")),
    Choosable("NL", _("Netherlands")),
    Choosable("SE", _("Sweden")),
    Choosable("FR", _("France")),
    Choosable("other", _("Another country")),
)

_PERSON = Section(
    "person",
    _("The person"),
    (
        Choice(
            key="b1_sex",
            title=_("Woman or man"),
            words=_("Is the missing person a woman or a man? We ask so that we speak rightly."),
            options=(
                Choosable(
                    "female", _("A woman or girl"), ("woman", "girl", "female", "أنثى", "بنت")
                ),
                Choosable("male", _("A man or boy"), ("man", "boy", "male", "ذكر", "رجل", "شب")),
            ),
            columns=2,
            when=FULL,
            forms="W R P U B",
        ),
        Choice(
            key="a4_relation",
            title=_("You and the person"),
            words=about("Who are you to them?"),
            options=RELATIONS,
            columns=2,
            when=FULL,
            forms="W R U B",
        ),
        Text(
            key="a4_words",
            title=_("In your words"),
            words=about("Please write in your own words who you are to them."),
            when=full(Is("a4_relation", ("other",))),
            most=300,
        ),
        Name(
            key="b2_given",
            title=_("First name"),
            words=about("What is their first name? Please write it just as you write it yourself."),
            forms="W C R M P U B",
        ),
        Name(
            key="b3_father",
            title=_("Father's name"),
            words=about("What is their father's name?"),
            forms="R M B",
        ),
        Name(
            key="b4_family",
            title=_("Family name"),
            words=about("What is their family name?"),
            forms="W C R M P U B",
        ),
        Name(
            key="b5_mother",
            title=_("Mother's name"),
            words=about("What is their mother's name, with her family name if you know it?"),
            ways=OPTIONAL,
            when=FULL,
            forms="R M B",
        ),
        Text(
            key="b6_called",
            title=_("Also called"),
            words=about(
                "Is there another name they are called by, or another way their name is written?"
            ),
            hint=_("For example Abu Khaled, or how the name stands in a passport."),
            ways=OPTIONAL,
            when=FULL,
            forms="R P U B",
            most=300,
        ),
        RoughDateQuestion(
            key="b7_birth",
            title=_("Born"),
            words=about("When were they born? A year is enough, or their age when it happened."),
            birth=True,
            event="c1_when",
            ways=OPTIONAL,
            when=FULL,
            forms="W R M P U B",
        ),
        Place(
            key="b8_birthplace",
            title=_("Place of birth"),
            words=about("Where were they born? Please write the town, or choose the governorate."),
            areas=(*GOVERNORATES, ABROAD),
            ways=OPTIONAL,
            when=FULL,
            forms="R M B",
        ),
        MultipleChoice(
            key="b9_nationality",
            title=_("Nationality"),
            words=about("Which nationality do they have? Several are possible."),
            options=(
                Choosable("syrian", _("Syrian"), ("سورية", "سوري")),
                Choosable(
                    "palestinian_sy",
                    _("Palestinian of Syria"),
                    ("فلسطيني", "فلسطينية", "فلسطيني سوري", "palestinian syrian"),
                ),
                Choosable("unregistered", _("Not registered (maktoum, ajnabi)"), ("مكتوم",)),
                OTHER,
            ),
            when=FULL,
            forms="W C R B",
        ),
        Text(
            key="b9_words",
            title=_("Other nationality"),
            words=_("Which other nationality is that?"),
            when=full(Is("b9_nationality", ("other",))),
            most=200,
        ),
        Text(
            key="b10_id",
            title=_("National or registry number"),
            words=about("Do you have their national number or civil registry entry at hand?"),
            hint=_("Only in words or numbers. Please do not send pictures of papers."),
            ways=OPTIONAL,
            when=FULL,
            forms="W R B",
            most=200,
        ),
        Place(
            key="b11_home",
            title=_("Home"),
            words=about("Where was their home then? Please write the town and the governorate."),
            areas=(*GOVERNORATES, ABROAD),
            ways=OPTIONAL,
            when=FULL,
            forms="W R P B",
        ),
    ),
    intro=about("Let us begin with who they are. Answer only what you can; the rest can wait."),
)

_EVENT = Section(
    "event",
    _("What happened"),
    (
        RoughDateQuestion(
            key="c1_when",
            title=_("When"),
            words=about("When did they disappear? Roughly is enough: a year, a month, a season."),
            first_year=1970,
            born="b7_birth",
            forms="W C R M U B",
        ),
        Choice(
            key="b12_pregnant",
            title=_("Pregnant then"),
            words=_("Was she pregnant at that time?"),
            options=(
                Choosable("yes", _("Yes"), ("yes", "نعم", "اي", "حامل")),
                Choosable("no", _("No"), ("no", "لا")),
            ),
            columns=2,
            ways=OPTIONAL,
            when=full(Every((Is("b1_sex", ("female",)), AgeMayBe("b7_birth", "c1_when", 12, 55)))),
            forms="W B",
        ),
        Choice(
            key="c2_gov",
            title=_("Governorate"),
            words=about("Where did they disappear?"),
            options=(*GOVERNORATES, ABROAD, AT_SEA),
            columns=2,
            forms="W C R U B",
        ),
        Text(
            key="c2_country",
            title=_("Country"),
            words=_("In which country was that?"),
            when=full(Is("c2_gov", ("abroad",))),
            most=200,
        ),
        Text(
            key="c3_place",
            title=_("Place"),
            words=_("Which place exactly: town, street, the name of a checkpoint?"),
            ways=OPTIONAL,
            when=FULL,
            forms="W R",
            most=500,
        ),
        Choice(
            key="c4_how",
            title=_("How"),
            words=about("How did they disappear?"),
            options=HOW,
            columns=1,
            when=FULL,
            forms="C R M U B",
        ),
        Text(
            key="c4_words",
            title=_("How, in your words"),
            words=_("Please write in a few words how it happened."),
            when=full(Is("c4_how", ("other",))),
            most=1000,
        ),
        Choice(
            key="c5_by",
            title=_("By whom"),
            words=_("Who, as far as you believe, was behind it?"),
            options=PARTIES,
            when=Not(Is("c4_how", NO_CAPTOR)),
            forms="W C B",
        ),
        *(
            Choice(
                key=f"c5_{group}",
                title=_("Which part"),
                words=_("Do you know which part of it?"),
                options=units,
                ways=OPTIONAL,
                when=full(Every((Is("c5_by", (group,)), Not(Is("c4_how", NO_CAPTOR))))),
            )
            for group, units in (
                ("state", STATE_UNITS),
                ("north", NORTH_UNITS),
                ("east", EAST_UNITS),
                ("now", NOW_UNITS),
                ("local", LOCAL_UNITS),
                ("foreign", FOREIGN_UNITS),
            )
        ),
        Text(
            key="c5_words",
            title=_("More about who"),
            words=_("Is there more you know about who it was?"),
            ways=OPTIONAL,
            when=full(
                Every((Given("c5_by"), Not(Is("c4_how", NO_CAPTOR)), Not(Is("c5_by", ("none",)))))
            ),
            most=1000,
        ),
        Text(
            key="c6_story",
            title=_("In your own words"),
            words=_("If you like, tell in your own words what happened. As much as you want."),
            hint=STORY_HINT,
            ways=OPTIONAL,
            when=FULL,
            forms="W C R",
            most=LONGEST_STORY,
            long=True,
        ),
        Choice(
            key="c7_others",
            title=_("Others at the same time"),
            words=_("Were others taken, or did others disappear, at the same time?"),
            options=YES_OR_NO,
            columns=2,
            ways=OPTIONAL,
            when=FULL,
            forms="W B",
        ),
        Number(
            key="c7_count",
            title=_("How many"),
            words=_("How many others, as far as you know?"),
            least=1,
            most=10_000,
            ways=OPTIONAL,
            when=full(Is("c7_others", ("yes",))),
        ),
        Repeat(
            "others",
            _("Another person at the same time"),
            (
                Name(
                    key="name",
                    title=_("Name"),
                    words=_("What is the name of one of these people?"),
                    hint=_("Each of them can have a report of their own afterwards."),
                    ways=OPTIONAL,
                ),
                Choice(
                    key="kin",
                    title=_("Relation"),
                    words=about("Who is that to them?"),
                    options=(
                        Choosable("relative", _("A relative"), TOGETHER["relative"]),
                        Choosable("friend", _("A friend or colleague"), TOGETHER["friend"]),
                        Choosable("neighbour", _("A neighbour"), TOGETHER["neighbour"]),
                        Choosable("stranger", _("Somebody not known before"), TOGETHER["stranger"]),
                    ),
                    ways=OPTIONAL,
                ),
            ),
            again=YesNo(
                key="more",
                title=_("More people"),
                words=_("Do you want to name another one?"),
                ways=SKIP_ONLY,
            ),
            when=full(Is("c7_others", ("yes",))),
        ),
    ),
    intro=_("Now to what happened. Answer only what you can, and take your time."),
)

HEARD_OF = Is("d1_heard", ("direct", "someone"))


def where_seen(key: str) -> Place:
    """Return the question where somebody saw them or heard of them."""
    return Place(
        key=key,
        title=_("Place"),
        words=about("Where were they seen or heard of? Choose, or write the place."),
        areas=FACILITIES,
        columns=2,
    )


def when_seen(key: str) -> RoughDateQuestion:
    """Return the question when that was."""
    return RoughDateQuestion(
        key=key,
        title=_("When"),
        words=_("When was that? A year or a season is enough."),
        first_year=1970,
        ways=OPTIONAL,
    )


SEEN_AGAIN: Final = YesNo(
    key="more",
    title=_("More sightings"),
    words=about("Were they seen or heard of another time?"),
    ways=SKIP_ONLY,
)

_SINCE = Section(
    "since",
    _("Since then"),
    (
        Choice(
            key="d1_heard",
            title=_("News since then"),
            words=about("Has there been any news of them since?"),
            options=(
                Choosable("none", _("None"), HEARD["none"]),
                Choosable("direct", about("Yes, from them directly"), HEARD["direct"]),
                Choosable("someone", _("Yes, through somebody"), HEARD["someone"]),
            ),
            when=FULL,
            forms="R B",
        ),
        Repeat(
            "sightings",
            _("Sighting"),
            (
                where_seen("place"),
                when_seen("when"),
                Choice(
                    key="source",
                    title=_("Known through"),
                    words=_("Through whom do you know? Please give no names."),
                    options=(
                        Choosable("self", _("I saw or heard it myself"), ("أنا",)),
                        Choosable("released", _("Somebody who was released"), ("معتقل سابق",)),
                        Choosable("relative", _("A relative or friend"), ("قريب",)),
                        Choosable("official", _("An office or official"), ("موظف",)),
                        Choosable("list", _("A list or paper seen online"), ("الإنترنت",)),
                        Choosable("middleman", _("Somebody who offered news"), ("وسيط",)),
                        OTHER_PERSON,
                    ),
                    ways=OPTIONAL,
                ),
            ),
            again=SEEN_AGAIN,
            when=full(HEARD_OF),
        ),
        Choice(
            key="d3_paper",
            title=_("A paper from an office"),
            words=about("Did any office ever give you a paper about them? Please do not send it."),
            options=YES_OR_NO,
            columns=2,
            ways=OPTIONAL,
            when=full(HEARD_OF),
            forms="W B",
        ),
        MultipleChoice(
            key="d4_steps",
            title=_("Where you asked"),
            words=about("Where have you asked about them so far? Several are possible."),
            options=(
                Choosable("police", _("Police"), ("شرطة", "المخفر")),
                Choosable("branch", _("A security branch"), ("فرع", "الفرع")),
                Choosable("court", _("A court"), ("محكمة",)),
                Choosable(
                    "icrc", _("The ICRC (Red Cross)"), ("الصليب الأحمر", "icrc", "red cross")
                ),
                Choosable("sarc", _("The Syrian Red Crescent"), ("الهلال الأحمر", "sarc")),
                Choosable("ncmp", _("The National Commission for the Missing"), ("ncmp",)),
                Choosable(
                    "un", _("The United Nations"), ("الأمم المتحدة", "un", "iimp", "united nations")
                ),
                Choosable("lawyer", _("A lawyer"), ("محامي",)),
                Choosable("association", _("An association of families"), ("رابطة",)),
                OTHER,
                Choosable(
                    "nobody",
                    _("Nobody so far, or it was too dangerous"),
                    STEPS["nobody"],
                ),
            ),
            alone=("nobody",),
            forms="W C",
        ),
        Text(
            key="d4_words",
            title=_("Where else"),
            words=_("Where else have you asked?"),
            when=full(Is("d4_steps", ("other",))),
            most=500,
        ),
        MultipleChoice(
            key="d5_elsewhere",
            title=_("Registered with"),
            words=about("Is their case registered somewhere already?"),
            options=(
                Choosable("none", _("Nowhere"), ("no", "لا")),
                Choosable("wgeid", _("UN Working Group on Disappearances"), ("wgeid",)),
                Choosable("iimp", _("UN institution on missing persons (IIMP)"), ("iimp",)),
                Choosable("icrc", _("ICRC (Red Cross)"), ("الصليب الأحمر", "red cross")),
                Choosable("icmp", _("Commission on Missing Persons (ICMP)"), ("icmp",)),
                Choosable("ncmp", _("National Commission (NCMP)"), ("ncmp",)),
                Choosable("association", _("An association of families"), ("رابطة",)),
                OTHER,
            ),
            alone=("none",),
            ways=OPTIONAL,
            when=FULL,
            forms="W C",
        ),
        Text(
            key="d5_number",
            title=_("Number there"),
            words=_("If you have a number from there, please write it with the name of the body."),
            ways=OPTIONAL,
            when=full(
                Is(
                    "d5_elsewhere",
                    ("wgeid", "iimp", "icrc", "icmp", "ncmp", "association", "other"),
                )
            ),
            most=300,
        ),
        YesNo(
            key="e1_photo",
            title=_("A photo"),
            words=about("Do you have a photo of them?"),
            hint=_("If you want to, you can send it here at any time: it goes with your report."),
            ways=OPTIONAL,
            when=FULL,
            forms="W R P U",
        ),
    ),
    intro=about("A few questions about the time since then."),
)

SHARE: Final = MultipleChoice(
    key="f5_share",
    title=_("Sharing"),
    words=_("With whom may we share the report, later and with your knowledge?"),
    hint=_("Each of them is a decision of its own. The service does not depend on it."),
    options=(
        Choosable(
            "none_now",
            _("With nobody for now"),
            ("none", "لا أحد", "ما حدا", "no", "لا", "nobody"),
        ),
        Choosable("un_wgced", _("UN bodies on disappearances (WGEID, CED)")),
        Choosable("iimp", _("UN institution on missing persons (IIMP)"), ("iimp",)),
        Choosable("icrc", _("ICRC (Red Cross)"), ("الصليب الأحمر", "red cross")),
        Choosable("icmp", _("Commission on Missing Persons (ICMP)"), ("icmp",)),
        Choosable("ncmp", _("National Commission (NCMP)"), ("ncmp",)),
        Choosable("association", _("An association of families"), ("رابطة",)),
    ),
    alone=("none_now",),
    when=FULL,
    forms="W C M U",
)
"""With whom the report may be shared; asked again later in other conversations."""

_YOU = Section(
    "you",
    _("About you"),
    (
        Name(
            key="f1_name",
            title=_("Your name"),
            words=_("What may we call you? A first name is enough; it stays confidential."),
            hint=_("Some UN bodies will need the full name later, only if you agree to it."),
            when=FULL,
            forms="W C R M P U B",
        ),
        Choice(
            key="f2_country",
            title=_("Country you live in"),
            words=_("In which country do you live now? We do not ask for an address."),
            options=COUNTRIES,
            columns=2,
            ways=OPTIONAL,
            when=FULL,
            forms="W R U",
        ),
        Choice(
            key="f3_reach",
            title=_("How we stay in touch"),
            words=_("May we write to you here?"),
            hint=_(
                "If yes, we keep a sealed way to reach you. If no, nothing ties this chat to the "
                "report, and you come back with a code."
            ),
            options=(
                Choosable("reachable", _("Yes, write to me here"), ("yes", "نعم", "اي")),
                Choosable("detached", _("No, I come back with the code"), ("no", "لا")),
            ),
            ways=(),
            forms="W C R M P U B",
        ),
        Choice(
            key="f3_hours",
            title=_("Safe hours"),
            words=_("At what time of day is it safe to write to you?"),
            options=(
                Choosable("any", _("Any time of day"), HOURS["any"]),
                Choosable("morning", _("In the morning"), HOURS["morning"]),
                Choosable("afternoon", _("In the afternoon"), HOURS["afternoon"]),
                Choosable("evening", _("In the evening"), HOURS["evening"]),
            ),
            columns=2,
            ways=OPTIONAL,
            when=full(Is("f3_reach", ("reachable",))),
        ),
        Text(
            key="f3_who",
            title=_("Who may answer"),
            words=_("May anybody besides you answer here? If so, who?"),
            ways=OPTIONAL,
            when=full(Is("f3_reach", ("reachable",))),
            most=300,
        ),
        Choice(
            key="f3_rhythm",
            title=_("How often"),
            words=_("How often shall we write, even when there is nothing new?"),
            options=(
                Choosable("month", _("Every month"), ("monthly", "كل شهر")),
                Choosable("quarter", _("Every three months"), ("كل 3 أشهر",)),
                Choosable("news_only", _("Only when there is news"), ("only news",)),
            ),
            ways=OPTIONAL,
            when=full(Is("f3_reach", ("reachable",))),
        ),
        Text(
            key="f4_backup",
            title=_("Second person"),
            words=_("Is there a second person we may turn to if we lose you, who agrees to that?"),
            hint=_("Please write how to reach them, only if they agreed."),
            ways=OPTIONAL,
            when=full(Is("f3_reach", ("reachable",))),
            forms="R",
            most=500,
        ),
        SHARE,
        Review(
            key="f6_confirm",
            title=_("Send"),
            words=_("This is your report. Please read it once more, if you want to."),
            send=_("Send the report"),
        ),
    ),
    intro=_("The last part is about you, and how we stay in touch."),
)

REPORT = Flow(
    "report",
    version=1,
    sections=(
        Section(
            "pace",
            _("Length of the report"),
            (
                Choice(
                    key="pace",
                    title=_("Length of the report"),
                    words=_("Do you want to answer all questions, or only the eight shortest?"),
                    options=(
                        Choosable(
                            "full", _("All questions, with pauses when I want"), ("full", "كل")
                        ),
                        Choosable("short", _("Only eight, because I am in danger"), ("short",)),
                    ),
                    ways=(),
                ),
            ),
        ),
        _PERSON,
        _EVENT,
        _SINCE,
        _YOU,
    ),
)

SHARED = (
    "pace", "c1_when", "c2_gov", "c2_country", "c3_place", "c4_how", "c4_words",
    "c5_by", "c5_state", "c5_north", "c5_east", "c5_now", "c5_local", "c5_foreign", "c5_words",
    "c7_others", "c7_count", "f1_name", "f2_country", "f3_reach", "f3_hours",
    "f3_who", "f3_rhythm", "f4_backup", "f5_share",
)  # fmt: skip
"""What a next report about somebody taken in the same event need not ask again."""

SHORT_PATH = (
    "b2_given", "b3_father", "b4_family", "c1_when", "c2_gov", "c5_by", "d4_steps", "f3_reach",
)  # fmt: skip
"""The eight questions for people in danger."""

FIRST_WORD_DAYS = 14
"""By then a family hears from its caseworker for the first time."""

URGENT_DAYS = 92
"""A disappearance of the last three months is urgent (the UN Working Group's urgent procedure)."""

SUBMITTED: tuple[Words, ...] = (
    _("Thank you. The report has been sent and sealed; from now on this service cannot open it."),
    # Translators: {code} is the receipt code, for example K7Q2-91MX-3TRW.
    _("Your receipt code: {code}"),
    _(
        "Please keep the code somewhere safe. It is the name of your case with us, and the way "
        "back to it from any phone."
    ),
    # Translators: against those who pass for us: whoever asks for the code on the telephone is not.
    _("On the telephone we never ask for this code, and we never ask for money."),
    # Translators: {date} is a day, two weeks ahead.
    _(
        "A caseworker will read the report. Please expect a message here by {date}; if none comes, "
        "write “person”."
    ),
    _("To add, change or withdraw something, write “menu” at any time."),
)
SUBMITTED_DETACHED: tuple[Words, ...] = (
    *SUBMITTED[:4],
    _(
        "Nothing ties this chat to the report any more. What waits for you is told to whoever "
        "comes back with the code: write it here whenever you like."
    ),
)
SUBMITTED_QUIET: tuple[Words, ...] = (
    *SUBMITTED[:4],
    _(
        "A caseworker will read the report. You asked us for silence, so nothing is written to you "
        "here; to find out how it stands, write “status”, and to hear from us again, write “menu”."
    ),
    SUBMITTED[-1],
)
URGENT = _("Because this happened so recently, it is marked as urgent for our team. Please go on.")
SELF: tuple[Words, ...] = (
    _("Because this is about yourself, it needs a person and not a list of questions."),
    _("What you answered so far stays here, encrypted. We have asked our team to write to you."),
)
NEXT_PERSON = _(
    "You told us of others at the same time. Do you want to report another of them "
    "now? What is the same (time, place, what happened, about you) is not asked again."
)
