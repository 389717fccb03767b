package main

import (
	"io"
	"slices"
	"strings"

	"github.com/pullpass/pullpass/internal/delivery/clients"
	"github.com/pullpass/pullpass/internal/reference"
)

type dockerConfigCheck struct {
	Image  string `arg:"" help:"The image, as the client is given it."`
	Client string `placeholder:"NAME" help:"Only this client, such as docker, podman, gitlab-runner or kubelet."`
	Why    bool   `help:"Show every place that was looked at, what else decides, and where the rules are from."`
}

// Run prints a line for each client; exit code 1 where one would fail for a reason that
// can be seen from here.
func (k *dockerConfigCheck) Run(t *terminal) error {
	image, err := reference.ParseImage(k.Image)
	if err != nil {
		return err
	}
	if k.Client != "" && !slices.Contains(clients.Names(), k.Client) {
		return misuse("there is no client "+k.Client+" here", "one of "+strings.Join(clients.Names(), ", "))
	}
	world := clients.Here()
	var answers []clients.Answer
	failed := false
	for _, c := range clients.All() {
		if k.Client == "" || c.Name == k.Client {
			answers = append(answers, c.Resolve(image, world))
			failed = failed || answers[len(answers)-1].Problem != ""
		}
	}
	if err := t.show(answers, func(w io.Writer) { k.print(w, answers) }); err != nil {
		return err
	}
	if failed {
		return exitCode(exitFailed)
	}
	return nil
}

func (k *dockerConfigCheck) print(w io.Writer, answers []clients.Answer) {
	var rows [][]string
	for _, a := range answers {
		rows = append(rows, []string{a.Client, a.Versions, a.Text()})
		if !k.Why {
			continue
		}
		for _, step := range a.Steps {
			rows = append(rows, []string{"", "", "  " + step})
		}
		for _, note := range a.Notes {
			rows = append(rows, []string{"", "", "  note: " + note})
		}
		rows = append(rows, []string{"", "", "  rules: " + a.Source})
	}
	columns(w, rows)
}
