package sandbox_test

import "github.com/pullpass/pullpass/internal/sandbox"

func defaultConfig() sandbox.Config { return sandbox.Default() }
