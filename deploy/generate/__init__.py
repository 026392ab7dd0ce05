"""Makes the files of `deploy/` that follow from code (`make deploy-files`); tests hold them to it."""
