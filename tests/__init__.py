"""The tests; whoever runs them keeps their own settings, which may name a database of value, to themselves."""

import os

os.environ |= {"ENV_FILE": os.devnull, "FLASK_SKIP_DOTENV": "1"}
