package main

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/client"
)

// saySlowAfter is how long a person waits without a word.
const saySlowAfter = 3 * time.Second

// slowServer tells the person once that the server takes long.
func slowServer(t *terminal) *client.Trace {
	var once sync.Once
	return &client.Trace{SlowAfter: saySlowAfter, Slow: func() {
		once.Do(func() { t.say("Still waiting for the server …") })
	}}
}

// isPersons reports whether a command does something and ends, unlike those that are
// a server or a runner until they are stopped.
func isPersons(c *kong.Context) bool {
	first, _, _ := strings.Cut(commandOf(c), " ")
	return !slices.Contains([]string{"server", "sandbox", "demo", "greet"}, first) && commandOf(c) != "runner run"
}

func errTimeout(after time.Duration) error {
	return &pullpass.Error{Kind: pullpass.Unavailable, Code: "timeout", What: "gave up after " + after.String(),
		Cause: "--timeout ended before the command did", Hint: "what was asked for may go on; give a longer --timeout to wait for it"}
}
