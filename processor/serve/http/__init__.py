"""The view over HTTP: for services in any language, and for browsers. Needs the extra `serve`."""
