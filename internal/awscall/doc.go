// Package awscall is what every call of AWS has in common: where this machine's own
// identity is found, and what an error of AWS means to a person.
//
// The one idea: an error of AWS becomes a kind, a cause and a cure in one place, for
// the server and for the programs that ask AWS themselves.
//
//	cfg, err := awscall.LoadAmbient(ctx, config.WithRegion("eu-west-1"))
//	_, err = ecr.NewFromConfig(cfg).GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
//	return awscall.Explain("cannot get a token", err, time.Now())
package awscall
