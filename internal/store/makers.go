package store

import (
	"strings"

	"github.com/pullpass/pullpass"
)

// makerColumns select who made the rows of a table, and what has become of them: the
// token's end, and whether the token or the person's membership is gone.
func makerColumns(table, column string) string {
	return strings.NewReplacer("TABLE", table, "MAKER", table+"."+column).Replace(`MAKER,
	COALESCE((SELECT maker.expires_at FROM tokens maker WHERE maker.id = MAKER AND maker.organization = TABLE.organization), 0),
	CASE WHEN substr(MAKER, 1, 4) = 'tok_' AND NOT EXISTS (
			SELECT 1 FROM tokens maker WHERE maker.id = MAKER AND maker.organization = TABLE.organization)
		OR substr(MAKER, 1, 4) = 'usr_' AND NOT EXISTS (
			SELECT 1 FROM members maker WHERE maker.person = MAKER AND maker.organization = TABLE.organization)
		THEN 1 ELSE 0 END`)
}

// scannedMaker reads the columns.
type scannedMaker struct {
	id            string
	expires, gone int64
}

func (s *scannedMaker) columns() []any { return []any{&s.id, &s.expires, &s.gone} }

func (s *scannedMaker) maker() pullpass.Maker {
	m := pullpass.Maker{ID: s.id, Expires: moment(s.expires)}
	if s.gone != 0 {
		m.State = pullpass.MakerGone
	}
	return m
}
