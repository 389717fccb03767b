package sandbox

import (
	"net/http"
	"slices"
)

// mayProvider authorizes the operation on the provider that the call names.
func (c *call) mayProvider() (*oidcProvider, *apiError) {
	arn := c.form.Get("OpenIDConnectProviderArn")
	p := c.account().providers[arn]
	var context map[string][]string
	if p != nil {
		context = resourceTags(p.tags)
	}
	if arn == "" || len(arn) > 2048 {
		return nil, badRequest("ValidationError", "Invalid ARN: %s", printable(arn))
	}
	if err := c.may(arn, context); err != nil {
		return nil, err
	}
	if p == nil {
		return nil, apiErrorf(
			http.StatusNotFound,
			"NoSuchEntity",
			"OpenIDConnect Provider not found for arn %s",
			printable(arn),
		)
	}
	return p, nil
}

func createProvider(c *call) (any, *apiError) {
	tags, err := c.formTags()
	if err != nil {
		return nil, err
	}
	if err := c.may(c.account().iamARN("oidc-provider", "/", "*"), requestTags(tags)); err != nil {
		return nil, err
	}
	thumbprints := c.list("ThumbprintList")
	if err := checkThumbprints(thumbprints); err != nil {
		return nil, err
	}
	p, err := c.account().newProvider(c.form.Get("Url"), c.list("ClientIDList"), thumbprints, tags, c.now)
	if err != nil {
		return nil, err
	}
	return struct {
		OpenIDConnectProviderArn string
		Tags                     members[tagShape] `xml:",omitempty"`
	}{p.arn, tagShapes(p.tags)}, nil
}

func checkThumbprints(list []string) *apiError {
	for _, t := range list {
		if len(t) != 40 {
			return errConstraint("thumbprintList", "Member must have length 40")
		}
	}
	if len(list) > 5 {
		return badRequest("InvalidInput", "Thumbprint list must contain fewer than 5 entries.")
	}
	return nil
}

func getProvider(c *call) (any, *apiError) {
	p, err := c.mayProvider()
	if err != nil {
		return nil, err
	}
	return struct {
		URL            string `xml:"Url"`
		ClientIDList   members[string]
		ThumbprintList members[string]
		CreateDate     isoTime
		Tags           members[tagShape] `xml:",omitempty"`
	}{p.url, p.clientIDs, p.thumbprints, isoTime(p.created), tagShapes(p.tags)}, nil
}

func listProviders(c *call) (any, *apiError) {
	if err := c.may(c.account().iamARN("oidc-provider", "/", "*"), nil); err != nil {
		return nil, err
	}
	type entry struct{ Arn string }
	list := members[entry]{}
	for _, p := range byName(c, c.account().providers, func(*oidcProvider) string { return "/" }) {
		list = append(list, entry{p.arn})
	}
	return struct{ OpenIDConnectProviderList members[entry] }{list}, nil
}

// deleteProvider leaves the roles that trust the provider: they trust nobody now.
func deleteProvider(c *call) (any, *apiError) {
	p, err := c.mayProvider()
	if err != nil {
		return nil, err
	}
	delete(c.account().providers, p.arn)
	return nil, nil
}

func updateThumbprint(c *call) (any, *apiError) {
	p, err := c.mayProvider()
	if err != nil {
		return nil, err
	}
	list := c.list("ThumbprintList")
	if err := checkThumbprints(list); err != nil {
		return nil, err
	}
	p.thumbprints = list
	return nil, nil
}

func addClientID(c *call) (any, *apiError) {
	p, err := c.mayProvider()
	if err != nil {
		return nil, err
	}
	if id := c.form.Get("ClientID"); !slices.Contains(p.clientIDs, id) {
		p.clientIDs = append(p.clientIDs, id)
	}
	return nil, nil
}

func removeClientID(c *call) (any, *apiError) {
	p, err := c.mayProvider()
	if err != nil {
		return nil, err
	}
	id := c.form.Get("ClientID")
	p.clientIDs = slices.DeleteFunc(slices.Clone(p.clientIDs), func(s string) bool { return s == id })
	return nil, nil
}
