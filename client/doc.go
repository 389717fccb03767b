// Package client talks to a Pullpass server: the command line, the runner and
// the credential helper all use it.
//
// The one idea: what the server refuses comes back as the same *pullpass.Error
// that was made there, with its kind, cause and hint, so a caller need not know
// that a network lay between.
//
//	c, err := client.New("https://pullpass.example", client.WithToken(token))
//	project, err := c.ProjectByName(ctx, "payments")
//	for registry, err := range c.AllRegistries(ctx, pullpass.RegistryFilter{Project: &project.ID}) {
//		if err != nil { return err } // pullpass.Explain(err) tells the person
//		fmt.Println(registry.Name, registry.Host)
//	}
//
// It links the standard library, the nouns and the wire structs only: docker
// starts the credential helper for every pull.
package client
