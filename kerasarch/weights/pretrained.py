"""Models with the weights of a checkpoint: new ones, and ones that exist already."""

import dataclasses
from pathlib import Path
from types import ModuleType
from typing import Any

import keras

from kerasarch import backends, models
from kerasarch.errors import UsageError, WeightsError
from kerasarch.models import Network
from kerasarch.models.family import choose
from kerasarch.weights import (
    alexnet,
    convnext,
    deit,
    densenet,
    diffusers_folders,
    efficientnet,
    mobilenet_v2,
    resnet,
    stable_diffusion,
    transformers_folders,
    vgg,
    vit,
)
from kerasarch.weights.checkpoint import KERAS_PLACES, Checkpoint, Identity, assign, logger
from kerasarch.weights.own_files import OwnFiles
from kerasarch.weights.sources import FORMS, open_source

# A module has CONFIG, DETAILS, IGNORED, HEADS, PREFIX, imagenet_name, recognises, identify and tensor_name; where
# Hugging Face has the family, also HUGGINGFACE and huggingface_config; where a tensor and its variable differ in more
# than name and order of axes, also adapt(checkpoint, model, config), which gives a checkpoint with tensors that fit,
# and FITTED, fields of the config in which they may differ because no tensor depends on them or adapt makes up for it.
FAMILIES: dict[str, ModuleType | OwnFiles] = {
    "resnet": resnet,
    "mobilenet_v2": mobilenet_v2,
    "efficientnet": efficientnet,
    "convnext": convnext,
    "vgg": vgg,
    "densenet": densenet,
    "alexnet": alexnet,
    **{name: OwnFiles(name) for name in ("lenet", "mlp", "cnn", "conv1d")},
    "vit": vit,
    "deit": deit,
}
TRAINING = ("momentum", "dropout", "stochastic_depth")  # matter in training only: the caller's choice


@backends.drawn_on_host()  # nearly all that is drawn is overwritten
def from_pretrained(
    source: str | Path,
    *,
    classes: int | None = None,
    input_shape: tuple[int | None, ...] | None = None,
    variant: str | None = None,
    name: str | None = None,
    **overrides: Any,
) -> Any:
    """Return the model that a checkpoint describes, with its weights.

    The checkpoint decides family, sizes and details. A Hugging Face folder of a model without head (``ResNetModel``)
    gives a dictionary of ``last_hidden_state`` and ``pooler_output``, the latter ``(batch, width)``; everything else
    logits.

    ```python
    model = kerasarch.from_pretrained("hf:microsoft/resnet-50")
    model = kerasarch.from_pretrained("timm:resnet18.a1_in1k", classes=10, input_shape=(160, 160, 3))
    ```

    Folders of diffusers give the model of their ``_class_name``, such as ``AutoencoderKL``; folders of CLIP or of its
    text encoder give a ``CLIPTextModel``; folders of a Stable Diffusion pipeline give all its parts, as
    ``kerasarch.models.StableDiffusion``.

    Args:
        source: Folder in Hugging Face layout, ``hf:org/name[/subfolder][@revision]``, ``timm:name``, ``keras:name``, or
            a file ``.safetensors``, ``.weights.h5``, ``.h5`` or ``.keras``. Only safetensors and HDF5 are read, never
            a pickle.
        classes: Outputs of the head; another number than the checkpoint's leaves the head fresh, 0 builds none.
        input_shape: Height, width, channels; 1 to 4 channels adapt a first kernel of 3.
        variant: Needed for a ``.weights.h5`` file of ours, which does not say what it is.
        name: Name of the model.
        **overrides: Fields of the family's config to replace, such as ``dropout`` or ``momentum``.

    Raises:
        UsageError: The source has no known form, or an override is unknown.
        WeightsError: The checkpoint is missing, damaged, or of a model that is not built here.
        DependencyError: The network or a package is missing.
    """
    given = {"classes": classes, "variant": variant, "input_shape": input_shape, "name": name}
    folder = stable_diffusion.find(source)
    if folder is not None:
        wrong = sorted({key for key, value in given.items() if value is not None} | (set(overrides) - {"dtype"}))
        if wrong:
            raise UsageError(f"{source}: a pipeline takes dtype alone. Received {', '.join(wrong)}; leave it out.")
        return stable_diffusion.read(folder, origin=str(source), dtype=overrides.get("dtype"))
    checkpoint = open_source(source)
    if checkpoint.layout == "diffusers":
        if classes is not None or variant is not None:
            raise UsageError(f"{source}: a model of diffusers has neither classes nor variants. Leave both out.")
        return diffusers_folders.build(checkpoint, input_shape=input_shape, name=name, overrides=overrides)
    if transformers_folders.recognises(checkpoint):
        if classes is not None or variant is not None or input_shape is not None:
            raise UsageError(f"{source}: a text encoder has no classes, variant or input_shape. Leave them out.")
        return transformers_folders.build(checkpoint, name=name, overrides=overrides)
    if checkpoint.layout == "kerasarch" and not checkpoint.config:
        if variant is None:
            raise WeightsError(
                f"{source}: this file does not say which model it is. Give variant=, or use weights= of a builder."
            )
        kept = {key: given[key] for key in ("input_shape", "name") if given[key] is not None}
        arguments = {**kept, **overrides}
        found = checkpoint.tensors.get("head/0")
        wanted = classes if classes is not None else (0 if found is None else found.shape[1])
        model = models.build(variant, classes=wanted, **arguments)
        load_checkpoint(model, checkpoint)
        return model
    family = _family(checkpoint)
    if variant is not None:
        raise UsageError(f"{source}: the checkpoint says what it is, variant={variant!r} is not needed. Leave it out.")
    identity = _identify(family, checkpoint)
    if missing := [field for field in identity.unknown if field not in overrides]:
        example = ", ".join(f"{field}=..." for field in missing)
        raise WeightsError(f"{source}: the file does not tell {', '.join(missing)} of the {family}. Give {example}.")
    config = choose({}, identity.config, overrides)
    shape = input_shape or identity.input_shape or (*identity.preprocessing.size, identity.channels)
    model = _assemble(
        family,
        checkpoint,
        dataclasses.replace(identity, config=config),
        classes=identity.classes if classes is None else classes,
        input_shape=shape,
        name=name or family,
    )
    headless = checkpoint.layout == "huggingface" and identity.classes == 0
    if headless and classes is None:
        return _with_reference_outputs(model)
    return model


@backends.drawn_on_host()
def build_pretrained(
    family: str,
    source: str,
    config: Any,
    *,
    classes: int | None,
    input_shape: tuple[int | None, ...],
    name: str,
    preprocessing: models.Preprocessing | None = None,
    fixed: tuple[str, ...] = (),
) -> Network:
    """Return a model of this family and config with the weights of a source: ``weights=`` of the builders.

    Args:
        family: A name in ``FAMILIES``.
        source: ``"imagenet"`` or a source of ``from_pretrained``.
        config: What the caller asked for; the fields in the family's ``DETAILS`` follow the checkpoint.
        classes: Outputs of the head.
        input_shape: Height, width, channels.
        name: Name of the model.
        preprocessing: In the place of what the checkpoint says.
        fixed: Fields that the caller named: there the checkpoint must agree.

    Raises:
        WeightsError: The checkpoint is missing, damaged, or its sizes are others.
    """
    if source == "imagenet":
        source = f"keras:{FAMILIES[family].imagenet_name(config, input_shape)}"
    checkpoint = open_source(source)
    arguments: dict[str, Any] = {"classes": classes, "input_shape": input_shape, "name": name}
    if checkpoint.layout == "kerasarch" and not checkpoint.config:
        model = models.FAMILIES[family][0](config, preprocessing=preprocessing, **arguments)
        load_checkpoint(model, checkpoint)
        return model
    found = _family(checkpoint)
    if found != family:
        raise WeightsError(f"{checkpoint.origin}: weights of the family {found}. Expected {family}.")
    identity = _identify(family, checkpoint)
    kept = (*fixed, *identity.unknown)
    details = {key: getattr(identity.config, key) for key in FAMILIES[family].DETAILS if key not in kept}
    adapted = dataclasses.replace(config, **details)
    wrong = _differences(adapted, identity.config, ignored=_ignored(family, identity))
    if wrong:
        raise WeightsError(
            f"{checkpoint.origin}: another model than asked for: {wrong}. Choose the variant that fits the weights."
        )
    changed = {key: value for key, value in details.items() if getattr(config, key) != value}
    if changed:
        logger.info("%s: the checkpoint decides %s.", checkpoint.origin, changed)
    identity = dataclasses.replace(identity, config=adapted, preprocessing=preprocessing or identity.preprocessing)
    return _assemble(family, checkpoint, identity, **arguments)


def preprocessing_of(source: str | Path) -> models.Preprocessing | None:
    """Return how pictures were prepared for the weights of a source, or None where it does not say.

    Args:
        source: As in ``from_pretrained``, of a classifier of pictures; a ``.weights.h5`` file of ours holds tensors
            alone and says nothing.

    Raises:
        UsageError: The source has no known form.
        WeightsError: The checkpoint is missing, damaged, or of a model that is not built here.
        DependencyError: The network or a package is missing.
    """
    checkpoint = open_source(source)
    if checkpoint.layout == "kerasarch" and not checkpoint.config:
        return None
    return _identify(_family(checkpoint), checkpoint).preprocessing


def load_into(model: keras.Model, source: str | Path) -> keras.Model:
    """Give a model that a builder of kerasarch made the weights of a source.

    The head is left as it is when the classes differ, which is logged. Nothing changes when anything does not fit.

    Args:
        model: The model, also one from ``replace_head``.
        source: As in ``from_pretrained``.

    Returns:
        The model.

    Raises:
        UsageError: The model is not one of kerasarch's.
        WeightsError: The checkpoint is missing, damaged, or does not fit.
    """
    checkpoint = open_source(source)
    if checkpoint.layout == "diffusers":
        diffusers_folders.load(model, checkpoint)
    elif transformers_folders.recognises(checkpoint):
        transformers_folders.load(model, checkpoint)
    else:
        load_checkpoint(model, checkpoint)
    return model


def load_checkpoint(model: keras.Model, checkpoint: Checkpoint) -> None:
    """Give a model the tensors of an open checkpoint; see ``load_into``."""
    family, config = describe(model)
    if checkpoint.layout != "kerasarch":
        found = _family(checkpoint)
        if found != family:
            raise WeightsError(f"{checkpoint.origin}: weights of the family {found}. Expected {family}.")
        identity = _identify(family, checkpoint)
        wrong = _differences(config, identity.config, ignored=_ignored(family, identity))
        if wrong:
            raise WeightsError(
                f"{checkpoint.origin}: made for another configuration: {wrong}. Build the model with "
                f"weights={checkpoint.origin!r}."
            )
    _load(model, family, config, checkpoint)


def describe(model: keras.Model) -> tuple[str, Any]:
    """Return family and config of a model from a builder.

    Raises:
        UsageError: The model does not come from kerasarch.
    """
    architecture = getattr(model, "architecture", None)
    if not isinstance(architecture, dict) or architecture.get("family") not in FAMILIES:
        raise UsageError(
            f"{model.name}: expected a model that kerasarch built. Received {type(model).__name__}; use "
            f"model.load_weights."
        )
    family = architecture["family"]
    return family, FAMILIES[family].CONFIG(**architecture["config"])


def _ignored(family: str, identity: Identity) -> tuple[str, ...]:
    """Return the fields in which a checkpoint may differ from the model that it goes into."""
    return (*TRAINING, *identity.unknown, *getattr(FAMILIES[family], "FITTED", ()))


def _differences(ours: Any, theirs: Any, ignored: tuple[str, ...] = ()) -> str:
    names = [field.name for field in dataclasses.fields(ours) if field.name not in ignored]
    return ", ".join(
        f"{name} is {getattr(theirs, name)} in the file and {getattr(ours, name)} in the model"
        for name in names
        if getattr(ours, name) != getattr(theirs, name)
    )


def _family(checkpoint: Checkpoint) -> str:
    if checkpoint.layout == "kerasarch":
        architecture = checkpoint.config.get("architecture") or {}
        if architecture.get("family") in FAMILIES:
            return architecture["family"]
    else:
        for family, module in FAMILIES.items():
            if module.recognises(checkpoint):
                return family
    names = ", ".join(list(checkpoint.tensors)[:3])
    published = [name for name, module in FAMILIES.items() if isinstance(module, ModuleType)]
    raise WeightsError(
        f"{checkpoint.origin}: weights of a model that is not built here (tensors {names}, ...). "
        f"Families: {', '.join(published)}; a source is {FORMS}."
    )


def _identify(family: str, checkpoint: Checkpoint) -> Identity:
    if checkpoint.layout != "kerasarch":
        return FAMILIES[family].identify(checkpoint)
    architecture = checkpoint.config["architecture"]
    preprocessing = checkpoint.config.get("preprocessing")
    return Identity(
        FAMILIES[family].CONFIG(**architecture["config"]),
        architecture["classes"],
        architecture["channels"],
        models.Preprocessing(**preprocessing) if preprocessing else models.IMAGENET,
        input_shape=tuple(architecture["input_shape"]) if "input_shape" in architecture else None,
    )


def _assemble(family: str, checkpoint: Checkpoint, identity: Identity, **arguments: Any) -> Network:
    builder = models.FAMILIES[family][0]
    preprocessing = identity.preprocessing if identity.input_shape is None else None
    model = builder(identity.config, preprocessing=preprocessing, **arguments)
    _load(model, family, identity.config, checkpoint)
    return model


def _load(model: keras.Model, family: str, config: Any, checkpoint: Checkpoint) -> None:
    module = FAMILIES[family]
    if hasattr(module, "adapt"):
        checkpoint = module.adapt(checkpoint, model, config)
    prefix = module.PREFIX
    if not any(name.startswith(prefix) for name in checkpoint.tensors):
        prefix = ""
    if checkpoint.layout == "kerasarch":

        def name_of(path: str) -> str:
            layer, variable = path.rsplit("/", 1)
            return f"{layer}/{KERAS_PLACES[variable]}"
    else:

        def name_of(path: str) -> str:
            return module.tensor_name(path, checkpoint.layout, config, prefix=prefix)

    head = module.HEADS[checkpoint.layout]
    ours = next((variable.shape[-1] for variable in model.weights if variable.path == "head/kernel"), 0)
    kernel = checkpoint.tensors.get(name_of("head/kernel"))
    theirs = 0 if kernel is None else kernel.shape[0 if checkpoint.layout in ("huggingface", "timm") else -1]
    fresh = ours != theirs
    ignored = module.IGNORED + (f"|^{head}[./]" if fresh else "")
    assign(model, checkpoint, name_of, ignored=ignored, fresh_head=fresh)


def _with_reference_outputs(model: Network) -> Network:
    """Give a model without head the outputs of Hugging Face's, by name."""
    groups = models.features(model)
    last = [name for name in groups if name != "head"][-1]
    return Network(
        model.input,
        {"last_hidden_state": groups[last], "pooler_output": groups["head"]},
        name=model.name,
        architecture=model.architecture,
        preprocessing=model.preprocessing,
    )
