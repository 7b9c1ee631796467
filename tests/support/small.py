"""Settings for small lakehouses: a demo of a few hundred records, and models that train quickly."""

from lakehouse.settings import Settings


def with_quick_models(settings: Settings) -> Settings:
    """For tests of everything except the quality of a model."""
    gold = settings.gold
    als = gold.als.model_copy(update={"ranks": (2,), "iterations": 1})
    values = gold.values.model_copy(update={"rank": 2, "iterations": 1})
    return settings.model_copy(update={"gold": gold.model_copy(update={"als": als, "values": values})})


def with_small_demo(settings: Settings) -> Settings:
    """40 users, 60 titles and 300 events, a tenth of them broken, on topics of one partition."""
    demo = settings.demo.model_copy(update={"users": 40, "titles": 60, "feedback": 300, "dirty": 0.1})
    kafka = settings.kafka.model_copy(update={"partitions": 1})
    return with_quick_models(settings).model_copy(update={"demo": demo, "kafka": kafka})
