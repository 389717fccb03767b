package spec

// shorthand is where features without a registry come from: the tools rewrite the old
// bare names to it.
const shorthand = "ghcr.io/devcontainers/features/"
