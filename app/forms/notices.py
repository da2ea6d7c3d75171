"""The form of which notices come by mail."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, SelectMultipleField

from app.models.notice_mail import ReviewMail, Topic, is_asked, wants
from app.models.user import User

REVIEW_TEXTS = {
    ReviewMail.AT_ONCE: _l("At once, a mail for each"),
    ReviewMail.DAILY: _l("Once a day, at 8 in the morning"),
    ReviewMail.NONE: _l("Never"),
}


class NoticesForm(FlaskForm):
    """A box for each topic, and how reviewers hear of what waits for them."""

    topics = SelectMultipleField(_l("Send me a mail when"), choices=[], validate_choice=False)
    review = SelectField(
        _l("When requests wait for your decision"),
        choices=[SelectChoice(one.value, text) for one, text in REVIEW_TEXTS.items()],
    )

    @classmethod
    def of(cls, user: User) -> "NoticesForm":
        """With what holds for this user now; whoever cannot see the second field leaves it as it is."""
        asked = [topic for topic in Topic if is_asked(user, topic)]
        chosen = [topic.value for topic in asked if wants(user, topic)]
        form = cls(data={"topics": chosen, "review": user.review_mail})
        form.topics.choices = [SelectChoice(topic.value, topic.value) for topic in asked]
        return form
