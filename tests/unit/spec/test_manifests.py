"""The committed files of crds/ are what the spec says."""

from pathlib import Path

import pytest
import yaml

from tradefleet.spec import manifests

COMMITTED = Path(__file__).parents[3] / "crds"


def test_the_committed_files_are_up_to_date() -> None:
    assert manifests.out_of_date(COMMITTED) == [], "run `make crds`"
    assert {path.name for path in COMMITTED.iterdir()} == set(manifests.files())


def test_a_check_names_the_file_that_is_out_of_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert manifests.main([str(tmp_path)]) == 0
    assert manifests.main(["--check", str(tmp_path)]) == 0

    (tmp_path / "tradingbots.yaml").write_text("kind: x\n", encoding="utf-8")

    assert manifests.main(["--check", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/tradingbots.yaml is out of date: run make crds\n"


def test_every_file_is_yaml_of_one_kind_of_object_a_document() -> None:
    kinds = [document["kind"] for text in manifests.files().values() for document in yaml.safe_load_all(text)]

    assert kinds == [
        "CustomResourceDefinition",
        "CustomResourceDefinition",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ]
