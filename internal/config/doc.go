// Package config says what Pullpass can be told, and in which order it listens:
// flag, then environment variable, then file, then default.
//
// The one idea: each option is one struct field. Its tags make the flag, the
// environment variable, the key of the file, the line of --help and the row of
// docs/configuration.md, so that these cannot drift apart.
//
//	var cli struct{ Server struct{ config.Server } `cmd:""` }
//	file, err := config.ReadFile("server", "/etc/pullpass.yaml")
//	parser, err := kong.New(&cli, kong.Resolvers(file))
//	_, err = parser.Parse(os.Args[1:]) // unknown keys are refused
//	err = cli.Server.Check()           // every problem at once
package config
