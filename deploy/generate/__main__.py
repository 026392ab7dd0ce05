"""Writes every file of `deploy/` that follows from code."""

from deploy.generate.files import FOLDER, made

if __name__ == "__main__":
    for name, text in made().items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
