package main

import (
	"context"
	"fmt"
	"io"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/doctor"
)

// onServer is the word for the server among the names of runners.
const onServer = "server"

// placesOf says where to try: where it was told to, else on each selected runner,
// else on the server, which is the runner without an id.
func placesOf(ctx context.Context, c *client.Client, named []string, selected []pullpass.RunnerID) ([]pullpass.RunnerID, error) {
	if len(named) == 0 {
		if len(selected) == 0 {
			return []pullpass.RunnerID{""}, nil
		}
		return selected, nil
	}
	var places []pullpass.RunnerID
	for _, name := range named {
		if name == onServer {
			places = append(places, "")
			continue
		}
		r, err := findRunner(ctx, c, name)
		if err != nil {
			return nil, err
		}
		places = append(places, r.ID)
	}
	return places, nil
}

// everywhereOf tries in each place, one after the other.
func everywhereOf(places []pullpass.RunnerID, try func(pullpass.RunnerID) (api.Diagnosis, error)) ([]api.Diagnosis, error) {
	var found []api.Diagnosis
	for _, place := range places {
		d, err := try(place)
		if err != nil {
			return nil, err
		}
		found = append(found, d)
	}
	return found, nil
}

// diagnoses is the JSON of a test in several places.
type diagnoses struct {
	Healthy bool            `json:"healthy"`
	Places  []api.Diagnosis `json:"places"`
}

func together(found []api.Diagnosis) diagnoses {
	all := diagnoses{Healthy: true, Places: found}
	for _, d := range found {
		all.Healthy = all.Healthy && d.Healthy
	}
	return all
}

// showDiagnoses shows one diagnosis as such, and several one after the other; it
// fails unless all are healthy.
func showDiagnoses(t *terminal, found []api.Diagnosis) error {
	if len(found) == 1 {
		return showDiagnosis(t, found[0])
	}
	all := together(found)
	var failed error
	if err := t.show(all, func(w io.Writer) { failed = writeDiagnoses(w, found) }); err != nil {
		return err
	}
	if failed == nil && !all.Healthy {
		return exitCode(exitFailed)
	}
	return failed
}

func writeDiagnoses(w io.Writer, found []api.Diagnosis) error {
	for i, d := range found {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		if err := doctor.WriteText(w, d); err != nil {
			return err
		}
	}
	return nil
}
