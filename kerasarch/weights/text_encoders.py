"""What the folders of all text encoders of transformers share: fields, names of tensors, and heads.

A family is one `EncoderFolder`: data, with the functions that ``transformers_folders`` asks a module for.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerasarch.errors import WeightsError
from kerasarch.models.text_encoder import TextEncoder, TextEncoderConfig
from kerasarch.models.text_heads import LABELLED, MASKED, POOLED
from kerasarch.weights.checkpoint import TORCH_NAMES, Checkpoint

# Head to the end of the class's name
ENDINGS = {
    "none": "Model",
    "masked_lm": "ForMaskedLM",
    "classification": "ForSequenceClassification",
    "tags": "ForTokenClassification",
    "question_answering": "ForQuestionAnswering",
    "next_sentence": "ForNextSentencePrediction",
    "pretraining": "ForPreTraining",
}
TASKS = {
    "single_label_classification": "single_label",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}
# Name in transformers to the name here; of two for one function the first is written
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu-approximate",
    "gelu_pytorch_tanh": "gelu-approximate",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
    "silu": "linear-silu",
    "swish": "linear-silu",
}
FIELDS = {
    "vocab_size": "vocabulary",
    "max_position_embeddings": "positions",
    "type_vocab_size": "types",
    "hidden_size": "width",
    "num_hidden_layers": "depth",
    "num_attention_heads": "heads",
    "intermediate_size": "hidden",
    "layer_norm_eps": "epsilon",
    "tie_word_embeddings": "tied",
    "pad_token_id": "padding",
    "bos_token_id": "start",
    "eos_token_id": "end",
    "output_hidden_states": "hidden_states",
}
"""Names that most families have."""
EMBEDDINGS = {
    "token_embedding": "embeddings.word_embeddings",
    "position_embedding": "embeddings.position_embeddings",
    "type_embedding": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
}
LABELS = {"classifier": "classifier", "spans": "qa_outputs"}
PREDICTIONS = {
    "masked_head/dense": "cls.predictions.transform.dense",
    "masked_head/norm": "cls.predictions.transform.LayerNorm",
    "masked_head/decoder": "cls.predictions.decoder",
}
BERT_PARTS = {
    "attention/query": "attention.self.query",
    "attention/key": "attention.self.key",
    "attention/value": "attention.self.value",
    "attention/out": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "feed_forward/project_in": "intermediate.dense",
    "feed_forward/project_out": "output.dense",
    "norm2": "output.LayerNorm",
}
# Counters that old versions stored
COUNTERS = r"\.(position_ids|token_type_ids)$"
# Heads and poolers: of another head than the model's they are passed over
OUTER = ("masked_head", "pooler", "classifier", "spans", "sentences")
_BLOCK = re.compile(r"block([\d_]+)/(.+)")
_LABEL = re.compile(r"LABEL_(\d+)")
Tensors = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderFolder:
    """How transformers stores one family.

    Attributes:
        MODEL: The class of the model.
        config: The class of its config.
        kinds: ``model_type`` to how the names of its classes begin.
        fields: Name of a field in ``config.json`` to the name here.
        activation: Name of the field with the activation.
        prefix: Before the encoder's tensors in a model with head.
        inner: How names without the prefix begin.
        names: Layer outside the blocks to its tensors, those of the encoder without the prefix.
        block: Name of a block with its number, or with those of its group and within it, without the prefix.
        parts: Layer in a block to its tensors.
        decoder: Tensor of the matrix of the head that guesses tokens.
        bias: Tensor of its bias where the embedding is that matrix.
        usual: Fields of transformers of which only this value is built here.
        renamed: Head to beginnings of its tensors' names, where they differ from those in ``names``.
        more_fields: Fields of the config that need more than another name, from ``config.json`` and the tensors.
        write_more: Fields of ``config.json`` that need more than another name.
        unneeded: Regular expression for more tensors that are left out on purpose.
        neutral: Fields of the config that change nothing of what the encoder's weights mean.
    """

    MODEL: type[TextEncoder]
    config: type[TextEncoderConfig]
    kinds: Mapping[str, str]
    fields: Mapping[str, str] = dataclasses.field(default_factory=lambda: FIELDS)
    activation: str = "hidden_act"
    prefix: str
    inner: tuple[str, ...] = ("embeddings.", "encoder.", "pooler.")
    names: Mapping[str, str]
    block: str = "encoder.layer.{}"
    parts: Mapping[str, str] = dataclasses.field(default_factory=lambda: BERT_PARTS)
    decoder: str
    bias: str
    usual: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    renamed: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    more_fields: Callable[[Checkpoint], dict[str, Any]] = lambda checkpoint: {}
    write_more: Callable[[Any], dict[str, Any]] = lambda config: {}
    unneeded: str = r"(?!)"
    neutral: tuple[str, ...] = ("head", "labels", "task", "pooler", "tied", "end", "padding")

    @property
    def MODEL_TYPES(self) -> tuple[str, ...]:  # noqa: N802  # as modules have it
        """Names of the family in ``config.json``."""
        return tuple(self.kinds)

    @property
    def IGNORED(self) -> str:  # noqa: N802
        """Regular expression for tensors that are left out: counters, and heads that the model has not."""
        heads = {self._full(f"{name}.") for layer, name in self.names.items() if layer.split("/")[0] in OUTER}
        heads |= {f"{self.decoder}.", self.bias, *(name for names in self.renamed.values() for name in names)}
        return "|".join((COUNTERS, self.unneeded, *(f"^{re.escape(name)}" for name in sorted(heads))))

    def _full(self, name: str) -> str:
        return self.prefix + name if name.startswith(self.inner) else name

    def read_config(self, checkpoint: Checkpoint) -> TextEncoderConfig:
        """Return the config of a checkpoint.

        Raises:
            WeightsError: A field has a value that is not built here.
        """
        given, origin = checkpoint.config, checkpoint.origin
        usual = {"position_embedding_type": "absolute", "is_decoder": False, "add_cross_attention": False, **self.usual}
        for name, only in usual.items():
            if given.get(name, only) != only:
                raise WeightsError(f"{origin}: {name}={given[name]!r} is not built here, only {only!r}.")
        found = {ours: given[theirs] for theirs, ours in self.fields.items() if theirs in given}
        if self.activation in given:
            found["activation"] = activation_from(given[self.activation], self.activation, origin)
        if isinstance(found.get("end"), list):
            found["end"] = tuple(found["end"])
        task = given.get("problem_type")
        if task is not None and task not in TASKS:
            raise WeightsError(f"{origin}: problem_type {task!r} is not built here. Known are {', '.join(TASKS)}.")
        found |= {
            "task": TASKS[task] if task else None,
            "labels": _read_labels(given, origin),
            "head": self._read_head(checkpoint),
        }
        pooler = self._full(f"{self.names['pooler']}.weight")
        bare = self.MODEL.POOLED_BARE and pooler in map(self.modern_name, checkpoint.tensors)
        return self.config(**found, pooler=bare, **self.more_fields(checkpoint))

    def _read_head(self, checkpoint: Checkpoint) -> str:
        said = checkpoint.config.get("architectures") or ()
        heads = {ending: head for head, ending in ENDINGS.items() if head in self.MODEL.HEADS}
        for name in said:
            for kind in self.kinds.values():
                head = heads.get(name.removeprefix(kind))
                if head is not None:
                    return head
            known = ", ".join(f"{next(iter(self.kinds.values()))}{ending}" for ending in heads)
            raise WeightsError(f"{checkpoint.origin}: a {name} is not built here. Known are {known}.")
        masked = self.names["masked_head/dense"] + ".weight"
        return "masked_lm" if masked in map(self.modern_name, checkpoint.tensors) else "none"

    def write_config(self, config: Any) -> dict[str, Any]:
        """Return the fields of config.json.

        Raises:
            WeightsError: transformers has no such activation.
        """
        kind = getattr(config, "model_type", next(iter(self.kinds)))
        tasks = {ours: theirs for theirs, ours in TASKS.items()}
        fields = {
            "architectures": [self.kinds[kind] + ENDINGS[config.head]],
            "model_type": kind,
            self.activation: activation_to(config.activation),
            **{theirs: getattr(config, ours) for theirs, ours in self.fields.items()},
            **self.write_more(config),
        }
        if config.head in (*LABELLED, "none", "masked_lm"):  # of the others transformers wants two
            names = config.labels
            names = [f"LABEL_{index}" for index in range(names)] if isinstance(names, int) else names
            fields["id2label"] = {str(index): name for index, name in enumerate(names)}
            fields["label2id"] = {name: index for index, name in enumerate(names)}
        return {**fields, "problem_type": tasks[config.task]} if config.task else fields

    def tensor_name(self, path: str) -> str:
        """Return the name of the tensor that belongs to a variable, given by its path within the model."""
        layer, variable = path.rsplit("/", 1)
        if layer == "masked_head":
            return self.bias
        found = _BLOCK.fullmatch(layer)
        name = f"{self.block.format(*found[1].split('_'))}.{self.parts[found[2]]}" if found else self.names[layer]
        return self._full(f"{name}.{TORCH_NAMES[variable]}")

    def modern_name(self, name: str) -> str:
        """Return the name as in a model with a head, with PyTorch's names for the parts of a normalisation."""
        name = re.sub(r"LayerNorm\.(gamma|beta)$", lambda found: f"LayerNorm.{TORCH_NAMES[found[1]]}", name)
        return self._full(name)

    def select(self, config: Any, tensors: Tensors, origin: str) -> dict[str, np.ndarray]:
        """Leave out what is there twice, and give a head's tensors the names that other heads' have.

        Raises:
            WeightsError: The embedding should be the matrix of a head, and the file has another one.
        """
        chosen = dict(tensors)
        if config.head in MASKED:
            decoder, bias = f"{self.decoder}.weight", f"{self.decoder}.bias"
            if config.tied:
                matrix = chosen.pop(decoder, None)
                embedding = self.tensor_name("token_embedding/embeddings")
                if matrix is not None and not np.array_equal(matrix, tensors.get(embedding, np.zeros(0))):
                    raise WeightsError(
                        f"{origin}: {decoder} differs from {embedding}, and should be the same. Build with tied=False."
                    )
            wanted, other = (self.bias, bias) if config.tied else (bias, self.bias)
            if wanted != other and other in chosen:
                chosen.setdefault(wanted, chosen.pop(other))
        renamed = self.renamed.get(config.head, {})
        # What has one of our names already is the part of another head
        taken = [name for name in chosen if name.startswith(tuple(renamed.values()))]
        for name in taken:
            if not name.startswith(tuple(renamed)):
                del chosen[name]
        return {_renamed(name, renamed): tensor for name, tensor in chosen.items()}

    def complete(self, config: Any, tensors: Tensors) -> dict[str, np.ndarray]:
        """Undo `select`; a model without head leaves the first part of names out."""
        renamed = {ours: theirs for theirs, ours in self.renamed.get(config.head, {}).items()}
        names = {_renamed(name, renamed): tensor for name, tensor in tensors.items()}
        if config.head in MASKED and not config.tied and self.bias != f"{self.decoder}.bias":
            names[self.bias] = names[f"{self.decoder}.bias"]  # which is there beside it, and changes nothing
        if config.head != "none":
            return names
        return {name.removeprefix(self.prefix): tensor for name, tensor in names.items()}

    def comparable(self, config: Any) -> Any:
        """Return what decides the meaning of the encoder's weights; heads may differ, and are then left fresh."""
        plain = self.config()
        return dataclasses.replace(config, **{name: getattr(plain, name) for name in self.neutral})

    def fresh(self, wanted: Any, checkpoint: Checkpoint) -> str:
        """Return a regular expression for the variables that may stay fresh: of a head that the file has not.

        Args:
            wanted: Config of the model.
            checkpoint: The file.
        """
        given = self.read_config(checkpoint)
        if wanted.head != given.head:
            layers = OUTER if wanted.head in POOLED else [layer for layer in OUTER if layer != "pooler"]
            return rf"^({'|'.join(layers)})/"
        return r"^classifier/" if wanted.labels != given.labels else r"(?!)"


def activation_from(name: str, field: str, origin: str) -> str:
    """Return the name here of an activation of transformers.

    Raises:
        WeightsError: It is not built here.
    """
    if name not in ACTIVATIONS:
        raise WeightsError(f"{origin}: {field} {name!r} is not built here. Known are {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]


def activation_to(name: str) -> str:
    """Return the name of an activation in transformers.

    Raises:
        WeightsError: There is none.
    """
    for theirs, ours in ACTIVATIONS.items():
        if ours == name:
            return theirs
    raise WeightsError(f"transformers has no {name!r}. Known there are {', '.join(set(ACTIVATIONS.values()))}.")


def _renamed(name: str, beginnings: Mapping[str, str]) -> str:
    before = next((one for one in beginnings if name.startswith(one)), "")
    return beginnings.get(before, "") + name.removeprefix(before)


def _read_labels(given: Mapping[str, Any], origin: str) -> int | tuple[str, ...]:
    """Return the names of the labels, or how many there are, where they have none of their own."""
    named = given.get("id2label")
    if named is None:
        return int(given.get("num_labels", 2))
    try:
        names = tuple(str(named[key]) for key in sorted(named, key=int))
    except (TypeError, ValueError, AttributeError) as error:
        raise WeightsError(f"{origin}: id2label should have numbers before the names. Received {named!r}.") from error
    plain = all(name == f"LABEL_{index}" for index, name in enumerate(names))
    return len(names) if plain else names
