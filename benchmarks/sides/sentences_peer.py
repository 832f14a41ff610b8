"""The side of sentence-transformers, in an environment without alignfreeze: its own trainer, with its own defaults."""

import tempfile

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from benchmarks.sides.turns import Turns, TurnsOfSteps


def load(how):
    """Return the encoder with the mean of its subword vectors as the vector of a sentence."""
    transformer = Transformer(how["model"], max_seq_length=how["max_length"])
    width = transformer.get_embedding_dimension()
    return SentenceTransformer(modules=[transformer, Pooling(width, "mean")], device="cpu")


def loss_of(model, how):
    """Return the loss of both directions, as a mean: each sentence has to find its translation in the batch."""
    both = ("query_to_doc", "doc_to_query")
    return MultipleNegativesRankingLoss(model, scale=how["scale"], directions=both, partition_mode="per_direction")


def main():
    turns = Turns()
    model = load(turns.how)
    texts = [(" ".join(one), " ".join(other)) for one, other, _ in turns.pairs()]
    data = Dataset.from_dict({"anchor": [one for one, _ in texts], "positive": [other for _, other in texts]})
    with tempfile.TemporaryDirectory() as folder:
        arguments = SentenceTransformerTrainingArguments(
            folder,
            max_steps=turns.how["steps"],
            per_device_train_batch_size=turns.how["batch"],
            learning_rate=turns.how["learning_rate"],
            lr_scheduler_type="constant",
            seed=turns.how["seed"],
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        how = {"train_dataset": data, "loss": loss_of(model, turns.how), "callbacks": [TurnsOfSteps(turns)]}
        trainer = SentenceTransformerTrainer(model=model, args=arguments, **how)
        turns.answer(ready=True)
        trainer.train()


if __name__ == "__main__":
    main()
