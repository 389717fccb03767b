// Package clients says which entry of which file a registry client would use for an
// image, and why.
//
// The one idea: the rules are data. A Client lists where it looks, in order, and which
// fields it takes; one function applies that to the files of a World. The rules are
// compared in tests with the clients themselves, as far as those run here.
//
//	for _, c := range clients.All() {
//		fmt.Println(c.Resolve(image, world).Text())
//	}
//
// Nothing is asked: whether a helper has a credential only the helper can say.
package clients
