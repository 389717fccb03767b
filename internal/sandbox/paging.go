package sandbox

import (
	"encoding/base64"
	"sort"
	"strings"
)

// pageInput is how ECR's calls ask for a page.
type pageInput struct {
	NextToken  string `json:"nextToken"`
	MaxResults *int   `json:"maxResults"`
}

// tokenMark begins what is inside a page's token: other text is no token.
const tokenMark = "after:"

// page cuts one page out of a list ordered by key. The token names the last
// item seen, so a page stays right when items come and go in between.
func page[T any](all []T, in pageInput, key func(T) string) ([]T, string, *apiError) {
	size := defaultPage
	if in.MaxResults != nil {
		size = *in.MaxResults
		if size < 1 || size > maxPage {
			return nil, "", errECRParameter(
				"maxResults",
				"Member must have value less than or equal to 1000 and greater than or equal to 1",
			)
		}
	}
	if in.NextToken != "" {
		last, err := base64.RawURLEncoding.DecodeString(in.NextToken)
		seen, ours := strings.CutPrefix(string(last), tokenMark)
		if err != nil || !ours {
			return nil, "", errECRParameter("nextToken", "Invalid token")
		}
		all = all[sort.Search(len(all), func(i int) bool { return key(all[i]) > seen }):]
	}
	if len(all) <= size {
		return all, "", nil
	}
	return all[:size], base64.RawURLEncoding.EncodeToString([]byte(tokenMark + key(all[size-1]))), nil
}
