"""The product tried on a file of deals: from the command line at once, from the browser as a job."""

import datetime

from threadpoolctl import threadpool_limits

from routing.engine.learning.deal_file import read_deals
from routing.engine.learning.evaluation import Evaluation, evaluate


def evaluate_file(content: bytes, *, as_of: datetime.date) -> Evaluation:
    """Raises Unreadable, BadDeals (naming rows and fields) and CannotTrain."""
    found = read_deals(content)
    warnings = list(found.warnings)
    if found.open_count:
        warnings.append(f"{found.open_count:,} rows have no outcome yet and were left aside.")
    with threadpool_limits(limits=1):
        return evaluate(found.deals, as_of=as_of, inputs=found.inputs, labels=found.labels, warnings=warnings)
