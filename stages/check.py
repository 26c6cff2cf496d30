"""Check params.yaml as a whole, before any stage does any work. Says every mistake at once; writes nothing."""

from cnn_study.params import validate
from cnn_study.schema import read_yaml


def main() -> None:
    params = validate(read_yaml())
    if any(recipe.device == "cuda" for recipe in (params.training, *params.recipes.values())):
        from cnn_study.environment import set_up  # here, since it loads torch, which takes seconds

        set_up(device="cuda")


if __name__ == "__main__":
    main()
