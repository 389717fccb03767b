package pullpass

// Page asks for part of a list. Every list is paged: nothing that grows is ever
// read whole.
type Page struct {
	After string // the Next of the page before; empty for the first
	Limit int    // 1 to MaxPage; 0 means DefaultPage
}

// The sizes of a page, in items.
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Size returns the limit within its bounds.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return DefaultPage
	case p.Limit > MaxPage:
		return MaxPage
	}
	return p.Limit
}

// List is one page of items; Next is empty on the last one.
type List[T any] struct {
	Items []T
	Next  string
}
