// Command pullpass-aws asks AWS for the token of an ECR registry, for
// docker-credential-pullpass: it reads the question on standard input and writes the
// answer to standard output. It is a program of its own because the helper, which is
// started for each image, must not link the AWS SDK, and because somebody without a
// Pullpass server needs nothing else.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awslogin"
	"github.com/pullpass/pullpass/internal/helper"
)

// version is set when the program is linked.
var version = "devel"

func main() {
	if len(os.Args) == 2 && (os.Args[1] == "version" || os.Args[1] == "--version") {
		_, _ = fmt.Fprintln(os.Stdout, version)
		return
	}
	if len(os.Args) != 2 || os.Args[1] != helper.VerbIssue {
		fmt.Fprintln(os.Stderr, "pullpass-aws is for docker-credential-pullpass: name that in ~/.docker/config.json")
		os.Exit(2)
	}
	if err := helper.Serve(context.Background(), issuer, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, pullpass.Explain(err))
		os.Exit(1)
	}
}

func issuer(q helper.Question) (helper.Issuer, error) {
	if q.AWS == nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot ask the server", Cause: "pullpass-aws asks AWS alone", Hint: "install pullpass beside it"}
	}
	return awslogin.New(*q.AWS), nil
}
