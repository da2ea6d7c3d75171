"""What the people of a demo crowd are called and what they write: data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """Where some of the crowd come from; `share` is relative. A language with two forms of surnames has two of these."""

    share: int
    locale: str
    time_zone: str
    given: tuple[str, ...]
    family: tuple[str, ...]


def _country(share: int, locale: str, time_zone: str, given: str, family: str) -> Country:
    return Country(share, locale, time_zone, tuple(given.split()), tuple(family.split()))


COUNTRIES = [
    _country(
        *(18, "en", "America/New_York"),
        "James Mary Robert Patricia Michael Jennifer David Linda Emily Daniel Olivia Ethan Sophia Noah Ava Grace Owen Zoe",
        "Smith Johnson Williams Brown Jones Miller Davis Wilson Anderson Taylor Moore Jackson Harris Clark Lewis Walker Young",
    ),
    _country(
        *(10, "en", "Europe/London"),
        "Oliver Amelia George Isla Harry Freya Jack Poppy Alfie Florence Arthur Imogen Rhys Niamh Callum Eilidh",
        "Evans Thomas Roberts Hughes Edwards Campbell Murray O'Brien Kelly Wright Shaw Bennett Hall Ward Cooper Marshall",
    ),
    _country(
        *(10, "en", "Europe/Berlin"),
        "Lukas Anna Jonas Lena Felix Marie Paul Sophie Maximilian Jürgen Käthe Björn Heike Stefan Uwe Annika",
        "Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Wolf Schröder Krüger",
    ),
    _country(
        *(8, "en", "Europe/Paris"),
        "Gabriel Louise Raphaël Jade Léo Emma Hugo Chloé Lucas Inès Théo Camille Mathis Zoé Étienne Agnès",
        "Martin Bernard Dubois Durand Leroy Moreau Laurent Lefèvre Roux Fournier Girard Bonnet François Mercier Blanc Guérin",
    ),
    _country(
        *(8, "en", "Europe/Madrid"),
        "Hugo Lucía Martín Sofía Mateo María Pablo Paula Álvaro Carmen Javier Elena Sergio Inés Andrés Noelia",
        "García Rodríguez González Fernández López Martínez Sánchez Pérez Gómez Ruiz Díaz Muñoz Romero Navarro Ibáñez Núñez",
    ),
    _country(
        *(4, "en", "Europe/Warsaw"),
        "Jan Zofia Jakub Hanna Piotr Agnieszka Łukasz Małgorzata Wojciech Katarzyna Tomasz Ewa Paweł Joanna",
        "Nowak Wójcik Kowalczyk Woźniak Mazur Krawczyk Zając Król Wróbel Pawlak Dudek Sikora Baran Szewczyk",
    ),
    _country(
        *(9, "ru", "Europe/Moscow"),
        "Александр Дмитрий Сергей Андрей Алексей Иван Михаил Николай Павел Егор Кирилл Максим Артём Илья Юрий Фёдор",
        "Иванов Петров Смирнов Кузнецов Попов Соколов Лебедев Козлов Новиков Морозов Волков Зайцев Павлов Семёнов Голубев",
    ),
    _country(
        *(9, "ru", "Asia/Yekaterinburg"),
        "Анна Мария Елена Ольга Наталья Екатерина Дарья Полина Ирина Светлана Юлия Алина Ксения Вера Татьяна Софья",
        "Иванова Петрова Смирнова Кузнецова Попова Соколова Лебедева Козлова Новикова Морозова Волкова Зайцева Щербакова",
    ),
    _country(
        *(6, "en", "Asia/Tokyo"),
        "Haruto Yui Sota Aoi Yuto Hina Ren Sakura Takumi Akari Kenji Emiko Hiroshi Naoko Daichi Misaki",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Matsumoto Inoue",
    ),
    _country(
        *(8, "en", "Asia/Shanghai"),
        "Wei Fang Jun Min Lei Yan Tao Jing Hao Xiu Ming Ying Qiang Hui Zihan Yuxuan Xinyi Haoran",
        "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo Lin He Gao Luo",
    ),
    _country(
        *(3, "en", "Asia/Seoul"),
        "Min-jun Seo-yeon Ji-ho Ha-eun Do-yun Ji-woo Joon-ho Soo-jin Hyun-woo Eun-ji Tae-yang Ye-rin",
        "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang",
    ),
    _country(
        *(8, "en", "Asia/Kolkata"),
        "Aarav Diya Vivaan Ananya Arjun Priya Rohan Kavya Rahul Neha Siddharth Meera Vikram Pooja Aditya Lakshmi",
        "Sharma Patel Singh Kumar Gupta Iyer Reddy Nair Mehta Joshi Rao Das Chatterjee Menon Kulkarni Banerjee",
    ),
    _country(
        *(5, "en", "America/Sao_Paulo"),
        "Miguel Helena Arthur Alice Heitor Laura Davi Manuela Bernardo Júlia João Beatriz Antônio Luíza",
        "Silva Santos Oliveira Souza Lima Pereira Ferreira Costa Rodrigues Almeida Nascimento Araújo Gonçalves Ribeiro",
    ),
    _country(
        *(4, "en", "Africa/Lagos"),
        "Chinedu Ngozi Emeka Adaeze Tunde Folake Ifeanyi Amara Segun Yetunde Kelechi Zainab Musa Halima",
        "Okafor Adeyemi Okonkwo Balogun Eze Abubakar Nwosu Ogunleye Obi Lawal Chukwu Bello Okeke Adebayo",
    ),
]

# What tokens went for.
DESCRIPTIONS = """\
Chat: plan for a product launch|Translation of a user manual|Summary of customer interviews|Chat: questions about a spreadsheet
Draft of a newsletter|Chat: names for a new feature|Code review of a pull request|Outline of a talk|Summary of a contract
Chat: help with SQL|Minutes of a meeting|Product descriptions for the shop|Chat: regular expressions|Answers to support tickets
Proofreading of a thesis chapter|Chat: travel plan|Classification of feedback|Test data for a prototype|Press release
Chat: explanation of an error message|Report on a survey|Lesson plan for physics|Chat: interview questions|Data from invoices\
""".replace("\n", "|").split("|")

# Why tokens are asked for: a sentence about what happened, then one about what is wanted.
REASONS = {
    "en": (
        """\
I ran out in the middle of {0}.|My allowance is gone and so is the time for {0}.|We are behind with {0}, only a little is missing.
{0} took far more tokens than I expected.|I used everything up on {0}.|A long document ate my tokens; I am working on {0}.
I tested the assistant with {0} and did not watch the balance.|Our team shares this account for {0}.\
""".replace("\n", "|").split("|"),
        """\
Could you reset my limit, please?|The deadline is on Friday.|A reset would help a lot.|I will be more careful with long prompts.
My manager knows about it.|It is only this once.|Thank you!|The customer is waiting.|I am happy to move to a larger tier later.|\
""".replace("\n", "|").split("|"),
        """\
the quarterly report|a migration of our database|the translation of our handbook|preparing a workshop|my thesis|a data analysis
the release notes|support answers for the holidays|onboarding material|a grant application|our new website|a proof of concept\
""".replace("\n", "|").split("|"),
    ),
    "ru": (
        """\
Токены закончились, пока шла работа: {0}.|Лимит исчерпан, а задача не закончена: {0}.|Не рассчитал объём, нужно доделать: {0}.
Всё ушло на одну большую задачу: {0}.|Команда работает через мою запись, занимаемся важным делом: {0}.\
""".replace("\n", "|").split("|"),
        """\
Сбросьте, пожалуйста, лимит.|Срок сдачи в пятницу.|Буду признателен за помощь.|Дальше буду писать короче.|Заранее спасибо!|\
""".replace("\n", "|").split("|"),
        """\
квартальный отчёт|перевод инструкции|перенос базы данных|подготовка семинара|диплом|анализ данных|новый сайт|ответы клиентам\
""".replace("\n", "|").split("|"),
    ),
}
SPAM = [
    "cheap followers best price",
    "asdf asdf asdf",
    "CLICK HERE to double your tokens!!!",
    "test test test",
    "qwerty",
]

# What reviewers say, to the requester and among themselves.
APPROVALS = ["", "", "", "Done, good luck with it.", "Granted. Please keep prompts short.", "Сброшено. Удачи!"]
REJECTIONS = [
    "Your allowance renews in a few days; please wait for it.",
    "You have had two resets this month.",
    "Please tell us more about what it is for, and ask again.",
    "This is what the larger tier is for.",
    "Лимит скоро обновится, пожалуйста, подождите.",
]
QUESTIONS = ["What do you need the tokens for?", "Which project is this for?", "Would a larger tier suit you better?"]
ANSWERS = [
    "For the customer project that we spoke about.",
    "It is for the course that I teach.",
    "Yes, but not before July.",
]
REVOCATIONS = ["Approved by mistake.", "The project was cancelled.", "Asked for twice."]
NOTES = ["Regular user, no complaints.", "Second time this month.", "Checked with the team lead.", "Watch the usage."]
BONUSES = ["Sorry for the outage", "Thank you for the bug report", "Pilot project", "Goodwill after a support case"]
GIFTS = ["Welcome campaign", "Conference voucher", "Referral of a colleague"]

# Crypto tokens that people want to see listed: the beginnings and the ends of their names.
TOKEN_BEGINNINGS = """\
solar lunar nova hyper meta quant aero terra pixel ember orbit delta sigma polar tidal velvet cobalt zephyr marble copper
falcon panda otter lynx raven tiger koala bison maple cedar lotus fern glacier canyon harbor island comet meteor photon quasar\
""".split()
TOKEN_ENDS = """\
finance protocol swap network coin dollar chain labs inu dao bridge vault yield cash gold credit energy games pay verse\
""".split()
TOKEN_REASONS = [
    "It has a steady volume and an audited contract.",
    "Our community of some thousands asks for it.",
    "We pay our contributors in it.",
    "It is listed in most wallets already.",
    "Needed for the dashboards of our customers.",
    "The team behind it is known, and the liquidity is locked.",
]
