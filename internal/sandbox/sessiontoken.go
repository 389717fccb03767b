package sandbox

import (
	"encoding/base64"
)

// newSessionToken looks like STS's own. It means nothing by itself: the
// session is found by its access key id.
func newSessionToken() string {
	return "IQoJb3JpZ2luX2Vj" + base64.StdEncoding.EncodeToString(randomBytes(192))
}
