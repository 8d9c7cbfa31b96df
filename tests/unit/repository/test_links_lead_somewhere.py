"""Every link from one page of the repository to another leads to something that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    page.relative_to(ROOT)
    for folder in (ROOT, ROOT / "docs", ROOT / "charts", ROOT / "tests")
    for page in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
LINK = re.compile(r"(?<!`)\[[^\]`]*(?:`[^`]*`[^\]`]*)*\]\((?!https?:|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(
        r"`[^`\n]*`", lambda code: code[0] if "](" not in code[0] else "", (ROOT / page).read_text()
    )

    missing = [to for to in LINK.findall(text) if not (ROOT / page.parent / to).exists()]

    assert missing == []


def test_the_pages_above_are_all_there_are() -> None:
    assert Path("README.md") in PAGES
    assert Path("docs/executor.md") in PAGES
