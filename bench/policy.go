package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/pullpass/pullpass/internal/iam"
)

const (
	pullIdentity = `{"Version":"2012-10-17","Statement":[
	 {"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"},
	 {"Effect":"Allow","Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchCheckLayerAvailability"],
	  "Resource":"arn:aws:ecr:eu-west-1:222222222222:repository/team/*"}]}`
	pullRepository = `{"Version":"2012-10-17","Statement":[
	 {"Sid":"Pull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:role/pull"},
	  "Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}]}`
)

// measurePolicy decides a typical cross-account pull, policies compiled once.
func measurePolicy(context.Context, *setting) ([]figure, error) {
	evaluator, request, err := typicalPull()
	if err != nil {
		return nil, err
	}
	if !evaluator.Allows(&request) {
		return nil, fmt.Errorf("the typical pull is denied: there is nothing to measure")
	}
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			evaluator.Allows(&request)
		}
	})
	rate := float64(result.N) / result.T.Seconds()
	hostile, err := measureHostile()
	if err != nil {
		return nil, err
	}
	return append([]figure{
		{what: "decisions a second, one core, identity + repository policy", got: rate, unit: "/s", goal: "≥ 1000000/s", met: rate >= 1e6},
		{what: "allocations a decision", got: float64(result.AllocsPerOp()), unit: "", goal: "0", met: result.AllocsPerOp() == 0},
	}, hostile...), nil
}

func typicalPull() (*iam.Evaluator, iam.Request, error) {
	identity, err := iam.Parse([]byte(pullIdentity))
	if err != nil {
		return nil, iam.Request{}, err
	}
	repository, err := iam.Parse([]byte(pullRepository))
	if err != nil {
		return nil, iam.Request{}, err
	}
	principal, err := iam.ParsePrincipal("arn:aws:iam::111111111111:role/pull")
	if err != nil {
		return nil, iam.Request{}, err
	}
	return iam.Compile(iam.Policies{Identity: []*iam.Policy{identity}, Resource: []*iam.Policy{repository}}), iam.Request{
		Action: "ecr:BatchGetImage", Resource: "arn:aws:ecr:eu-west-1:222222222222:repository/team/app",
		Principal: principal, ResourceAccount: "222222222222",
	}, nil
}
