package generate

import (
	"fmt"
	"strings"

	pullpass "github.com/pullpass/pullpass"
)

// check collects everything wrong with the options of one call, so that a
// person corrects them all at once.
type check struct {
	problems []string
	hint     string
}

func (c *check) failf(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// err is nil, or says that what could not be generated, and every reason.
func (c *check) err(what string) error {
	if len(c.problems) == 0 {
		return nil
	}
	hint := c.hint
	if hint == "" {
		hint = "pullpass policy --help"
	}
	return &pullpass.Error{
		Kind:  pullpass.Invalid,
		Code:  "policy_options",
		What:  "cannot generate " + what,
		Cause: strings.Join(c.problems, "; "),
		Hint:  hint,
	}
}

// accesses checks the accesses asked for; none at all is a mistake, not "all".
func (c *check) accesses(in []Access) []Access {
	if len(in) == 0 {
		c.failf("no access is asked for: name pull, push or list")
	}
	var out []Access
	seen := map[Access]bool{}
	for _, a := range in {
		if accessActions(a) == nil {
			c.failf("%q is not an access: pull, push or list", a)
			continue
		}
		if !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}
