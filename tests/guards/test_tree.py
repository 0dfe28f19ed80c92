"""The readers that guards rely on see what they should: a guard that looks past its subject is none."""

from __future__ import annotations

import pytest

from .tree import files, relative, rust_code, without_tests


def test_the_tree_is_found() -> None:
    names = {relative(path) for path in files()}
    assert {"Makefile", "Cargo.toml", "crates/eg-wire/src/lib.rs", "tests/guards/tree.py"} <= names
    assert not [name for name in names if name.startswith(("build/", "target/", ".venv/"))]


@pytest.mark.parametrize(
    "text",
    [
        "// unsafe",
        "/* unsafe\nunsafe */",
        'f("unsafe \\" unsafe")',
        'r#"unsafe " unsafe"#',
        'b"unsafe"',
        "//! unsafe\nfn f<'a>(x: &'a str) {}",
        "let quote = '\"'; // unsafe",
        "let escaped = '\\''; // unsafe",
    ],
)
def test_comments_and_literals_are_not_code(text: str) -> None:
    code = rust_code(text)
    assert "unsafe" not in code
    assert code.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    ["unsafe {", "fn f<'a>() { unsafe {", "'a'; unsafe { 'b'", '"a"; unsafe { "b"', 'for"x"; unsafe {'],
)
def test_code_stays_code(text: str) -> None:
    assert "unsafe {" in rust_code(text)


def test_inline_test_modules_are_left_out_and_nothing_else() -> None:
    text = "fn a() {\n}\n\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\n\nfn c() {}\n"
    assert without_tests(text) == "fn a() {\n}\n\n\nfn c() {}\n"
