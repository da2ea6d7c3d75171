"""Showing on a form what a service has refused."""

from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.errors import sentence
from app.models.domain_error import DomainError, translated


def show(form: FlaskForm, error: DomainError) -> None:
    """Each sentence at the field that it is about; the error's own text above the form where it names no field."""
    for name, texts in error.errors.items():
        form[name].errors = [*form[name].errors, *(translated(text, _) for text in texts)]
    if not error.errors:
        form.form_errors.append(sentence(error))
