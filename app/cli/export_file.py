"""A list as a file, for the commands that write one down."""

from collections.abc import Iterable

import click

from app.exports import Format, Row, lines

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice([str(one) for one in Format]),
    default=str(Format.CSV),
    show_default=True,
    help="csv for spreadsheets, jsonl (an object a line) for programs.",
)
output_option = click.option(
    "--output", type=click.Path(dir_okay=False), default="-", help="A file to write.  [default: the standard output]"
)


def write(output: str, format_: str, rows: Iterable[Row], columns: Iterable[str]) -> None:
    """Writes the rows to where `output` says, a line at a time."""
    try:
        with click.open_file(output, "w", encoding="utf-8") as file:
            file.writelines(lines(Format(format_), rows, columns))
    except BrokenPipeError:
        # Whoever read has had enough; click ends the command.
        raise
    except OSError as error:
        raise click.FileError(output, error.strerror) from None
