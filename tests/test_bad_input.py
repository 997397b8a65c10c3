"""Bad input: one clear line (where, what, what would be right), the next command, and a store as it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from holdfast.cli.main import main
from holdfast.demo.traffic import served
from holdfast.project import CONTRACT, Project, open_project

COMMANDS = (["check"], ["plan"], ["apply", "--yes"])


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.err.splitlines()


@pytest.fixture
def holdfast(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command on a project, in this process."""

    def run(project: Project, *arguments: str) -> Said:
        project.close()
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--project", str(project.folder)])
        said = capsys.readouterr()
        return Said(int(str(ended.value.code)), said.out, said.err)

    return run


def events(project: Project) -> list[str]:
    with open_project(project.folder) as again:
        return [each.type for each in again.store.journal.events()]


def files(project: Project) -> set[str]:
    found = {str(each.relative_to(project.folder)) for each in project.folder.rglob("*") if each.is_file()}
    return {each for each in found if not each.endswith(("-wal", "-shm"))}


def parquet(rows: pl.DataFrame) -> bytes:
    data = io.BytesIO()
    rows.write_parquet(data)
    return data.getvalue()


def csv(rows: pl.DataFrame) -> bytes:
    return rows.write_csv().encode()


def write(project: Project, name: str, data: bytes) -> None:
    """Put data into the project, and let the contract name them."""
    (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
    (project.folder / name).write_bytes(data)
    path = project.folder / CONTRACT
    path.write_text(path.read_text().replace("data/history.parquet", name))


def one_clear_line(said: Said, *words: str) -> None:
    assert said.out == ""
    first, second = said.lines
    assert all(each in first for each in words), first
    assert second.startswith("next: holdfast check --explain HF")
    assert "Traceback" not in said.err


# ------------------------------------------------------------------------------------------------ the contract

CONTRACTS = {
    "tab": ("  task: binary", "\ttask: binary", "HF101", ["holdfast.yaml:4:1", "not YAML"]),
    "unclosed": ("min_labels: 40", "min_labels: [40", "HF101", ["holdfast.yaml:", "not YAML"]),
    "alias": ("min_labels: 40", "min_labels: &a 40\ndomain: *a", "HF101", ["alias"]),
    "tag": ("min_labels: 40", "min_labels: !!python/object/apply:os.getpid []", "HF101", ["not YAML"]),
    "twice": ("min_labels: 40", "min_labels: 40\nmin_labels: 41", "HF101", ["holdfast.yaml:", "stands twice"]),
    "field": ("min_labels: 40", "min_label: 40", "HF102", ["'min_label'", "did you mean 'min_labels'?"]),
    "missing": ("  target: diagnosis\n", "", "HF107", ["model", "'target' is missing"]),
    "type": ("min_labels: 40", "min_labels: many", "HF107", ["min_labels", "'many'"]),
    "task": ("task: binary", "task: binar", "HF107", ["model.task", "did you mean 'binary'?"]),
    "positive": ("  positive: malignant\n", "", "HF107", ["positive: CLASS"]),
    "measure": ("recall >= 0.7", "recal >= 0.7", "HF106", ["promises.candidate[1]", "did you mean 'recall'?"]),
    "unit": ("recall >= 0.7", "recall >= 7 MB", "HF105", ["promises.candidate[1]", "recall", "7 MB"]),
    "range": ("recall >= 0.7", "recall >= 70", "HF107", ["promises.candidate[1]", "70"]),
    "syntax": ("recall >= 0.7", "recall >> 0.7", "HF104", ["promises.candidate[1]", "'>'"]),
    "stage": ("    - recall >= 0.7", "    - completeness(case) >= 0.7", "HF107", ["promises.candidate[1]", "stage"]),
    "remedy": ("else quarantine", "else quarantin", "HF106", ["did you mean 'quarantine'?"]),
    "trainer": ("with: automl", "with: autml", "HF106", ["train.with", "did you mean 'automl'?"]),
    "budget": ("budget: 20 s", "budget: 20 MB", "HF105", ["train.budget", "20 MB"]),
    "holdout": ("holdout: 0.35", "holdout: 35", "HF107", ["data.holdout", "35"]),
    "store": ("mlflow: none", "mlflow: 3", "HF107", ["store.mlflow", "3"]),
}


@pytest.mark.parametrize("case", CONTRACTS)
def test_a_wrong_contract_gets_one_line_and_leaves_the_store_as_it_was(
    case: str, new_project: Callable[..., Project], holdfast: Callable[..., Said]
) -> None:
    project = new_project()
    path, before = project.folder / CONTRACT, files(project)
    right = path.read_text()
    old, new, code, words = CONTRACTS[case]
    assert old in right
    path.write_text(right.replace(old, new, 1))
    for command in COMMANDS:
        said = holdfast(project, *command)
        assert said.code == 2
        one_clear_line(said, *words, code)
    path.write_text(right)
    assert events(project) == []
    assert files(project) == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"", ["not a mapping"], id="empty"),
        pytest.param(b"- a\n- b\n", ["holdfast.yaml:1:1", "not a mapping"], id="list"),
        pytest.param(b"\xff\xfe\x00h", ["holdfast.yaml:1", "not UTF-8"], id="bytes"),
        pytest.param(b"holdfast: 1\nmodel: \x00", ["not YAML"], id="zero"),
        pytest.param(b"holdfast: 2\n", ["holdfast"], id="version"),
        pytest.param(b"[" * 5000, ["holdfast.yaml:1:33", "nested too deep"], id="deep"),
        pytest.param(b"# " + b"x" * 1_000_001, ["at most 1000000"], id="huge"),
        pytest.param(b"? [a, b]\n: c\n", ["not YAML"], id="key"),
        pytest.param(b"a: 1\n---\nb: 2\n", ["not YAML"], id="two documents"),
        pytest.param(b"holdfast: 1\nmodel: 2021-02-30\n", ["not YAML"], id="date"),
        pytest.param(b"1: 2\n3: 4\n", ["holdfast.yaml"], id="numbers as fields"),
    ],
)
def test_bytes_that_are_no_contract_get_one_line(
    data: bytes, words: list[str], new_project: Callable[..., Project], holdfast: Callable[..., Said]
) -> None:
    project = new_project()
    (project.folder / CONTRACT).write_bytes(data)
    for command in (["check"], ["status"], ["promise", "f1 >= 0.5"]):
        said = holdfast(project, *command)
        assert said.code == 2
        one_clear_line(said, *words)
    assert (project.folder / CONTRACT).read_bytes() == data


def test_a_wrong_contract_is_told_as_json_too(
    new_project: Callable[..., Project], holdfast: Callable[..., Said]
) -> None:
    project = new_project()
    path = project.folder / CONTRACT
    path.write_text(path.read_text().replace("recall >=", "recal >="))
    said = holdfast(project, "check", "--json")
    told = json.loads(said.out)["error"]
    assert (said.code, told["code"]) == (2, "HF106")
    assert told["where"].startswith("holdfast.yaml:")
    assert "recall" in told["expected"]


# ------------------------------------------------------------------------------------------------ the data


def constant(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit("benign").alias("diagnosis"))


def unlabelled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=pl.String).alias("diagnosis"))


def twice(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([rows, rows.head(2)])


def other_class(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("diagnosis").replace("malignant", "Malignant"))


def lasting(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.duration(days=pl.int_range(pl.len())).alias("lasts"))


def nameless(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename({"mean_texture": ""})


def ragged(rows: pl.DataFrame) -> bytes:
    lines = csv(rows).split(b"\n")
    return b"\n".join([*lines[:5], lines[5] + b",7", *lines[6:]])


DATA: dict[str, tuple[str, Callable[[pl.DataFrame], bytes], str, list[str]]] = {
    "no target": ("a.parquet", lambda r: parquet(r.drop("diagnosis")), "HF103", ["a.parquet", "'diagnosis'"]),
    "no id": ("a.parquet", lambda r: parquet(r.rename({"case": "kase"})), "HF103", ["a.parquet", "'kase'"]),
    "constant target": ("a.parquet", lambda r: parquet(constant(r)), "HF203", ["only the value 'benign'"]),
    "no labels": ("a.parquet", lambda r: parquet(unlabelled(r)), "HF203", ["missing in every row"]),
    "no positive": ("a.parquet", lambda r: parquet(other_class(r)), "HF203", ["did you mean 'Malignant'?"]),
    "no rows": ("a.parquet", lambda r: parquet(r.clear()), "HF202", ["a.parquet", "no rows"]),
    "a heading only": ("a.csv", lambda r: csv(r.clear()), "HF202", ["a.csv", "no rows"]),
    "ids twice": ("a.parquet", lambda r: parquet(twice(r)), "HF204", ["4 rows share an id in 'case'"]),
    "a column without a name": ("a.parquet", lambda r: parquet(nameless(r)), "HF200", ["column 3 has no name"]),
    "a type without a place": ("a.parquet", lambda r: parquet(lasting(r)), "HF200", ["'lasts'", "Duration"]),
    "an empty csv": ("a.csv", lambda r: b"", "HF201", ["a.csv", "empty"]),
    "an empty parquet": ("a.parquet", lambda r: b"", "HF201", ["a.parquet"]),
    "a truncated parquet": ("a.parquet", lambda r: parquet(r)[:-40], "HF201", ["a.parquet"]),
    "half a parquet": ("a.parquet", lambda r: parquet(r)[: len(parquet(r)) // 2], "HF201", ["a.parquet"]),
    "a csv named parquet": ("a.parquet", csv, "HF201", ["a.parquet"]),
    "a parquet named csv": ("a.csv", parquet, "HF201", ["a.csv"]),
    "latin-1": ("a.csv", lambda r: csv(r).replace(b"benign", b"b\xe9nign"), "HF201", ["a.csv", "0xe9"]),
    "ragged": ("a.csv", ragged, "HF201", ["a.csv: line 6", "8 fields"]),
    "an unknown ending": ("a.xyz", csv, "HF201", ["a.xyz", "no source"]),
}


@pytest.mark.parametrize("case", DATA)
def test_unusable_data_get_one_line_and_corrected_data_work(
    case: str,
    new_project: Callable[..., Project],
    holdfast: Callable[..., Said],
    tumours: pl.DataFrame,
) -> None:
    project = new_project()
    name, made, code, words = DATA[case]
    write(project, name, made(tumours.head(300)))
    for command in COMMANDS:
        said = holdfast(project, *command)
        assert said.code == 2
        one_clear_line(said, *words, code)
    assert events(project) == ["contract.accepted"]
    assert not any("tmp" in each or "artifacts" in each or "tables" in each for each in files(project))
    write(project, "data/history.parquet", parquet(tumours.head(300)))
    path = project.folder / CONTRACT
    path.write_text(path.read_text().replace(name, "data/history.parquet"))
    assert holdfast(project, "check").code == 0


@pytest.mark.parametrize(
    ("where", "words"),
    [
        pytest.param("nowhere.csv", ["nowhere.csv"], id="missing"),
        pytest.param("nowhere.parquet", ["nowhere.parquet"], id="missing parquet"),
        pytest.param("folder.csv", ["folder.csv", "folder"], id="a folder"),
        pytest.param("folder.parquet", ["folder.parquet", "folder"], id="a folder named parquet"),
        pytest.param("https://nowhere.invalid/a.csv", ["https://nowhere.invalid/a.csv"], id="a URL"),
    ],
)
def test_a_file_that_is_not_there_gets_one_line(
    where: str, words: list[str], new_project: Callable[..., Project], holdfast: Callable[..., Said]
) -> None:
    project = new_project()
    (project.folder / "folder.csv").mkdir()
    (project.folder / "folder.parquet").mkdir()
    path = project.folder / CONTRACT
    path.write_text(path.read_text().replace("data/history.parquet", where))
    said = holdfast(project, "check")
    assert said.code == 2
    one_clear_line(said, *words, "HF201")


def test_a_sensitive_column_that_is_not_there_gets_one_line(
    new_project: Callable[..., Project], holdfast: Callable[..., Said], small_contract: str
) -> None:
    project = new_project(contract=small_contract.replace("  id: case", "  id: case\n  sensitive: [sex]"))
    said = holdfast(project, "plan")
    assert said.code == 2
    one_clear_line(said, "no column 'sex'", "HF103")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(None, ["nope.parquet", "HF201"], id="missing"),
        pytest.param(pl.DataFrame({"case": ["a"]}), ["nope.parquet", "'diagnosis'", "HF103"], id="no target"),
        pytest.param(pl.DataFrame({"case": [], "diagnosis": []}), ["nope.parquet", "no rows", "HF202"], id="no rows"),
    ],
)
def test_held_out_rows_that_cannot_be_used_are_told_before_a_training(
    data: pl.DataFrame | None,
    words: list[str],
    new_project: Callable[..., Project],
    holdfast: Callable[..., Said],
    small_contract: str,
    tumours: pl.DataFrame,
) -> None:
    project = new_project(contract=small_contract.replace("  id: case", "  id: case\n  test: nope.parquet"))
    if data is not None:
        (project.folder / "nope.parquet").write_bytes(parquet(data))
    for command in COMMANDS:
        said = holdfast(project, *command)
        assert said.code == 2
        one_clear_line(said, *words)
    assert events(project) == ["contract.accepted"]
    (project.folder / "nope.parquet").write_bytes(parquet(tumours.tail(100)))
    assert holdfast(project, "plan").code == 5


REGRESSION = {
    "task: binary": "task: regression",
    "target: diagnosis": "target: worst_radius",
    "  positive: malignant\n": "",
    "    - roc_auc >= 0.9 with 95%\n    - recall >= 0.7\n": "    - r2 >= 0.5\n",
    "    - accuracy >= 0.75 over 100 rows else retrain\n": "",
}


@pytest.fixture
def regression(small_contract: str) -> str:
    """The small contract, about a number."""
    for old, new in REGRESSION.items():
        small_contract = small_contract.replace(old, new)
    return small_contract


def test_a_word_where_the_target_is_a_number_names_its_row(
    regression: str, new_project: Callable[..., Project], holdfast: Callable[..., Said], tumours: pl.DataFrame
) -> None:
    rows = tumours.head(300).with_columns(pl.col("worst_radius").cast(pl.String))
    rows[4, "worst_radius"] = "wide"
    project = new_project(contract=regression, rows=rows)
    for command in COMMANDS:
        said = holdfast(project, *command)
        assert said.code == 2
        one_clear_line(said, "row 4", "'wide'", "'worst_radius'", "HF200")


def test_a_target_that_is_nan_is_a_label_that_is_missing(
    regression: str, new_project: Callable[..., Project], tumours: pl.DataFrame
) -> None:
    rows = tumours.head(300)
    rows[4, "worst_radius"] = float("nan")
    project = new_project(contract=regression, rows=rows)
    project.check()
    keeping = project.keeping()
    learnt, held = keeping.split(keeping.dataset().digest)
    assert learnt.height + held.height == 299
    assert learnt["worst_radius"].is_finite().all()
    assert held["worst_radius"].is_finite().all()


def test_a_value_that_is_not_of_the_type_that_the_contract_says_names_its_row(
    new_project: Callable[..., Project], holdfast: Callable[..., Said], small_contract: str, tumours: pl.DataFrame
) -> None:
    mixed = tumours.head(300).with_columns(pl.col("mean_radius").cast(pl.String))
    mixed[7, "mean_radius"] = "large"
    project = new_project(
        contract=small_contract.replace("  id: case", "  id: case\n  types: {mean_radius: number}"), rows=mixed
    )
    said = holdfast(project, "check")
    assert said.code == 2
    one_clear_line(said, "row 7", "'large'", "mean_radius", "number")


def test_a_promise_about_a_column_that_is_not_there_is_unproven_and_says_why(
    new_project: Callable[..., Project], holdfast: Callable[..., Said], small_contract: str
) -> None:
    project = new_project(contract=small_contract.replace("unique(case)", "unique(kase)"))
    said = holdfast(project, "check", "--json")
    found = next(each for each in json.loads(said.out)["promises"] if "kase" in each["promise"])
    assert (said.code, found["verdict"]) == (4, "unproven")
    assert "did you mean 'case'?" in found["reason"]


# ------------------------------------------------------------------------------------- what can be worked with


def many_categories(rows: pl.DataFrame) -> pl.DataFrame:
    chosen = pl.concat([rows.with_columns(pl.col("case") + f"-{each}") for each in range(34)]).head(10_000)
    return chosen.with_columns(pl.int_range(pl.len()).cast(pl.String).alias("ward"))


def all_missing(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(None, dtype=pl.Float64).alias("nothing"), pl.lit(None).alias("untyped"))


def not_finite(rows: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len())
    value = pl.when(place == 3).then(float("nan")).when(place == 4).then(float("inf")).when(place == 5).then(-1e308)
    return rows.with_columns(value.otherwise(pl.col("mean_texture")).alias("mean_texture"))


def words_and_numbers(rows: pl.DataFrame) -> pl.DataFrame:
    place = pl.int_range(pl.len())
    value = pl.when(place % 7 == 0).then(pl.lit("about ten")).otherwise(pl.col("mean_texture").cast(pl.String))
    return rows.with_columns(value.alias("mean_texture"))


@pytest.mark.parametrize(
    ("changed", "code", "claim"),
    [
        pytest.param(many_categories, 0, None, id="10,000 categories"),
        pytest.param(all_missing, 3, "completeness(*) >= 0.95", id="all-missing columns"),
        pytest.param(not_finite, 0, None, id="NaN and inf"),
        pytest.param(words_and_numbers, 0, None, id="words among numbers"),
    ],
)
def test_odd_columns_are_judged_not_refused(
    changed: Callable[[pl.DataFrame], pl.DataFrame],
    code: int,
    claim: str | None,
    new_project: Callable[..., Project],
    holdfast: Callable[..., Said],
    tumours: pl.DataFrame,
) -> None:
    project = new_project(rows=changed(tumours.head(300)))
    said = holdfast(project, "check", "--json")
    told = json.loads(said.out)
    assert said.code == code
    broken = [each["promise"] for each in told["promises"] if each["verdict"] == "broken"]
    assert broken == ([] if claim is None else [claim])


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(many_categories, id="10,000 categories"),
        pytest.param(all_missing, id="all-missing columns"),
        pytest.param(not_finite, id="NaN and inf"),
        pytest.param(words_and_numbers, id="words among numbers"),
    ],
)
def test_odd_columns_are_trained_on(
    changed: Callable[[pl.DataFrame], pl.DataFrame],
    new_project: Callable[..., Project],
    holdfast: Callable[..., Said],
    small_contract: str,
    tumours: pl.DataFrame,
) -> None:
    contract = small_contract.replace("    - completeness(*) >= 0.95\n", "").replace(
        "roc_auc >= 0.9 ", "roc_auc >= 0.6 "
    )
    project = new_project(contract=contract, rows=changed(tumours.head(300)))
    said = holdfast(project, "apply", "--yes", "--json")
    told = json.loads(said.out)
    assert [each["state"] for each in told["outcomes"]] == ["restored"], told["outcomes"]
    assert said.code == 4
    assert {each["verdict"] for each in told["promises"] if each["stage"] != "live"} == {"held"}


def test_one_class_only_among_the_rows_to_learn_from_is_a_failed_training_with_a_reason(
    new_project: Callable[..., Project], holdfast: Callable[..., Said], tumours: pl.DataFrame
) -> None:
    one = tumours.filter(pl.col("diagnosis") == "malignant").head(1)
    project = new_project(rows=pl.concat([tumours.filter(pl.col("diagnosis") == "benign").head(200), one]))
    said = holdfast(project, "apply", "--yes", "--json")
    told = json.loads(said.out)
    assert said.code in (3, 4)
    assert told["outcomes"][0]["state"] in ("failed", "not restored")
    assert told["outcomes"][0]["text"]
    assert "Traceback" not in said.out + said.err


def test_text_in_a_column_of_numbers_is_refused_by_the_server_with_what_would_be_right(
    trained: Project, tumours: pl.DataFrame
) -> None:
    import http.client

    rows = tumours.drop("case", "diagnosis").head(1).to_dicts()
    rows[0]["mean_radius"] = "large"
    trained.close()
    with served(trained.folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request(
            "POST", "/predict/tumour", json.dumps({"rows": rows}), headers={"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
    assert response.status == 400
    assert "mean_radius" in text
    assert "large" in text


def test_new_data_that_cannot_be_used_leave_the_champion_where_it_is(
    trained: Project, holdfast: Callable[..., Said], tumours: pl.DataFrame
) -> None:
    model = trained.champion.model
    (trained.folder / "data" / "history.parquet").write_bytes(parquet(constant(tumours.head(300))))
    for command in COMMANDS:
        said = holdfast(trained, *command)
        assert said.code == 2
        one_clear_line(said, "only the value 'benign'", "HF203")
    assert trained.champion.model == model
    assert holdfast(trained, "status").code == 4


def test_a_folder_without_a_project_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--project", str(tmp_path)])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert "holdfast init DIR" in said.err
    assert list(tmp_path.iterdir()) == []
