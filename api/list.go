package api

// List is one page of a list. Next goes into ?after= for the page that follows;
// it is empty on the last page.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next" doc:"Give it as ?after= to get the next page; empty on the last one."`
}
