"""As in production, but every task is remembered, so that none can have run twice unseen."""

from config.settings import *  # noqa: F403
from config.settings import Q_CLUSTER

Q_CLUSTER["save_limit"] = 0
