package sandbox

import (
	"cmp"
	"maps"
)

// tagged finds the tags of the thing that a call names, after authorizing.
type tagged func(*call) (map[string]string, *apiError)

// tagOperations are the tag calls of everything but users and roles.
func tagOperations() map[string]operation {
	operations := map[string]operation{}
	for noun, find := range map[string]tagged{
		"Policy": func(c *call) (map[string]string, *apiError) {
			p, err := c.mayPolicy()
			if err != nil {
				return nil, err
			}
			return p.tags, nil
		},
		"OpenIDConnectProvider": func(c *call) (map[string]string, *apiError) {
			p, err := c.mayProvider()
			if err != nil {
				return nil, err
			}
			return p.tags, nil
		},
		"InstanceProfile": func(c *call) (map[string]string, *apiError) {
			p, err := c.mayProfile()
			if err != nil {
				return nil, err
			}
			return p.tags, nil
		},
	} {
		operations["Tag"+noun] = operation{run: func(c *call) (any, *apiError) {
			tags, err := find(c)
			if err != nil {
				return nil, err
			}
			return nil, c.addTags(tags)
		}}
		operations["Untag"+noun] = operation{run: func(c *call) (any, *apiError) {
			tags, err := find(c)
			if err != nil {
				return nil, err
			}
			c.removeTags(tags)
			return nil, nil
		}}
		operations["List"+noun+"Tags"] = operation{run: func(c *call) (any, *apiError) {
			tags, err := find(c)
			if err != nil {
				return nil, err
			}
			return c.tagPage(tags)
		}}
	}
	return operations
}

func (c *call) addTags(to map[string]string) *apiError {
	tags, err := c.formTags()
	if err != nil {
		return err
	}
	merged := maps.Clone(to)
	maps.Copy(merged, tags)
	if len(merged) > 50 {
		return badRequest("LimitExceeded", "The number of tags has reached the maximum limit.")
	}
	maps.Copy(to, tags)
	return nil
}

func (c *call) removeTags(from map[string]string) {
	for _, key := range c.list("TagKeys") {
		delete(from, key)
	}
}

func (c *call) tagPage(tags map[string]string) (any, *apiError) {
	list, rest, err := items(c, tagShapes(tags), func(t tagShape) string { return t.Key })
	if err != nil {
		return nil, err
	}
	return struct {
		Tags members[tagShape]
		truncation
	}{list, rest}, nil
}

func compareText(a, b string) int { return cmp.Compare(a, b) }
