package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/spec"
)

// verdictsOf are what a server said of images, by name and platform.
type verdictsOf map[api.ImageAsk]api.ImageVerdict

// checkMost is how many images one request asks about.
const checkMost = 200

// askAbout asks the server about every image that is needed and that registries hold.
func askAbout(ctx context.Context, specs []spec.Spec, project string) (verdictsOf, error) {
	var asks []api.ImageAsk
	for _, s := range specs {
		for _, r := range s.References {
			if ask := askOf(r); r.Needed && r.Name != "" && r.Kind.Pulled() && r.Kind != spec.KindFeature && !slices.Contains(asks, ask) {
				asks = append(asks, ask)
			}
		}
	}
	verdicts := verdictsOf{}
	if len(asks) == 0 {
		return verdicts, nil
	}
	c, err := connect()
	if err != nil {
		return nil, err
	}
	p, err := givenOrDefaultProject(ctx, c, project)
	if err != nil {
		return nil, err
	}
	for part := range slices.Chunk(asks, checkMost) {
		said, err := c.CheckImages(ctx, p.ID, part)
		if err != nil {
			return nil, err
		}
		for i, v := range said {
			verdicts[part[i]] = v
		}
	}
	return verdicts, nil
}

func askOf(r spec.Reference) api.ImageAsk { return api.ImageAsk{Image: r.Name, Platform: r.Platform} }

// list are the verdicts in the order of their images.
func (v verdictsOf) list() []api.ImageVerdict {
	return slices.SortedFunc(maps.Values(v), func(a, b api.ImageVerdict) int { return cmp.Compare(a.Image, b.Image) })
}

// beside adds a column to the table of a file's references, where there are verdicts.
func (v verdictsOf) beside(rows [][]string, references []spec.Reference) [][]string {
	if v == nil {
		return rows
	}
	rows[0] = append(rows[0], "VERDICT")
	for i, r := range references {
		verdict, asked := v[askOf(r)]
		text := ""
		switch {
		case !asked:
		case verdict.Registry == "":
			text = string(verdict.Verdict) + ", anonymously"
		default:
			text = string(verdict.Verdict) + " by " + verdict.Registry
		}
		rows[i+1] = append(rows[i+1], text)
	}
	return rows
}

// explain prints why images are refused or not known, at their places.
func (v verdictsOf) explain(w io.Writer, references []spec.Reference) {
	for _, r := range references {
		verdict, asked := v[askOf(r)]
		if !asked || verdict.Verdict == api.VerdictAllowed {
			continue
		}
		_, _ = fmt.Fprintf(w, "%s: %s: %s", r.Position, verdict.Verdict, verdict.What)
		if verdict.Cause != "" {
			_, _ = fmt.Fprintf(w, ": %s", verdict.Cause)
		}
		_, _ = fmt.Fprintln(w)
		if verdict.Hint != "" {
			_, _ = fmt.Fprintf(w, "  hint: %s\n", verdict.Hint)
		}
	}
}

// exit is the exit code of the verdicts: refused before not known.
func (v verdictsOf) exit() error {
	var code error
	for _, verdict := range v {
		switch verdict.Verdict {
		case api.VerdictRefused:
			return exitCode(exitFailed)
		case api.VerdictUnknown:
			code = exitCode(exitUnknown)
		}
	}
	return code
}
