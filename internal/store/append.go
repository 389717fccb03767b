package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/audit"
)

// AppendEvents appends events to the chains of their organizations in one
// durable transaction and returns them with Sequence, Previous and Hash.
//
// Where the database is beyond a network, the usual way is one statement that
// says after which links it goes: the database holds no lock while it waits for
// this server, so that a server that stops in between stops no other. Where
// other servers have moved the chain meanwhile, the heads are locked first.
func (db *DB) AppendEvents(ctx context.Context, events []pullpass.Event) ([]pullpass.Event, error) {
	out := make([]pullpass.Event, len(events))
	for i, e := range events {
		out[i] = audit.Normalize(e)
	}
	chains := chainsOf(out)
	signers, err := db.signersOf(ctx, chains)
	if err != nil {
		return nil, db.explain(whatAppend, err)
	}
	if db.dialect.Arrays {
		done, err := db.appendAtOnce(ctx, out, chains, signers)
		if done || err != nil {
			return out, err
		}
	}
	var heads map[pullpass.OrganizationID]audit.Head
	err = db.first(ctx, whatAppend, func(x *tx) error {
		var breaks []pullpass.Event
		heads = make(map[pullpass.OrganizationID]audit.Head, len(chains))
		for _, org := range slices.Sorted(maps.Keys(chains)) {
			head, broken, err := x.extend(org, out, chains[org], signers[org])
			if err != nil {
				return err
			}
			heads[org] = head
			breaks = append(breaks, broken...)
		}
		return x.insertEvents(append(breaks, out...))
	})
	if err != nil {
		db.heads.forget(chains)
		return nil, err
	}
	db.heads.keep(heads)
	return out, nil
}

// signersOf opens the audit keys before the transaction, which holds the only
// connection that writes.
func (db *DB) signersOf(ctx context.Context, chains map[pullpass.OrganizationID][]int) (map[pullpass.OrganizationID]*audit.Signer, error) {
	signers := make(map[pullpass.OrganizationID]*audit.Signer, len(chains))
	for org := range chains {
		s, err := db.ownSigner(ctx, org)
		if err != nil {
			return nil, err
		}
		signers[org] = s
	}
	return signers, nil
}

const whatAppend = "append to the audit log"

// chainsOf says which of the events belong to each organization, in their order.
func chainsOf(events []pullpass.Event) map[pullpass.OrganizationID][]int {
	chains := map[pullpass.OrganizationID][]int{}
	for i, e := range events {
		chains[e.Organization] = append(chains[e.Organization], i)
	}
	return chains
}

// heads are the ends of the chains as this server last saw them.
type heads struct {
	mu        sync.Mutex
	known     map[pullpass.OrganizationID]audit.Head
	highest   map[pullpass.OrganizationID]audit.Head // never forgotten: a chain that goes back is found
	contested int                                    // how many appends lock first, since another server was faster
}

// contestedFor is how many appends lock first after another server was faster:
// trying at once would be a wasted way for each.
const contestedFor = 8

func newHeads() *heads {
	return &heads{known: map[pullpass.OrganizationID]audit.Head{}, highest: map[pullpass.OrganizationID]audit.Head{}}
}

// highestOf is the last head of the chain that this server has written.
func (h *heads) highestOf(org pullpass.OrganizationID) audit.Head {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.highest[org]
}

// find returns the heads of all the chains; not, if one is unknown or contested.
func (h *heads) find(chains map[pullpass.OrganizationID][]int) (map[pullpass.OrganizationID]audit.Head, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.contested > 0 {
		h.contested--
		return nil, false
	}
	found := make(map[pullpass.OrganizationID]audit.Head, len(chains))
	for org := range chains {
		head, ok := h.known[org]
		if !ok {
			return nil, false
		}
		found[org] = head
	}
	return found, true
}

func (h *heads) keep(found map[pullpass.OrganizationID]audit.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.known, found)
	maps.Copy(h.highest, found)
}

func (h *heads) forget(chains map[pullpass.OrganizationID][]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for org := range chains {
		delete(h.known, org)
	}
}

func (h *heads) contest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.contested = contestedFor
}

// appendAtOnce appends if the chains end where this server believes; otherwise
// it has done nothing. The database locks the heads in one order within the
// statement, so that two servers wait for each other and not in a circle.
func (db *DB) appendAtOnce(ctx context.Context, events []pullpass.Event, chains map[pullpass.OrganizationID][]int, signers map[pullpass.OrganizationID]*audit.Signer) (bool, error) {
	before, ok := db.heads.find(chains)
	if !ok {
		return false, nil
	}
	after := make(map[pullpass.OrganizationID]audit.Head, len(chains))
	var moves moves
	for org, places := range chains {
		after[org] = link(before[org], events, places)
		moves.add(org, before[org], after[org], signers[org].Sign(after[org], audit.PurposeHead))
	}
	args, err := eventColumns(events)
	if err != nil {
		return false, db.explain(whatAppend, err)
	}
	args = append(args, moves.organizations, moves.sequences, moves.hashes, moves.nexts, moves.nextHashes, moves.signatures)
	result, err := db.conns.Write.ExecContext(ctx, appendEvents, args...)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	switch {
	case err != nil:
		db.heads.forget(chains) // it may be written all the same
		if db.dialect.Fault(err) == FaultBusy {
			return false, nil
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrOutcome, err) // it was one statement, and that was sent
		}
		return false, db.explain(whatAppend, err)
	case n == 0:
		db.heads.forget(chains)
		db.heads.contest()
		return false, nil
	}
	db.heads.keep(after)
	return true, nil
}

// moves are the ends of chains before and after an append, a list a column.
type moves struct {
	organizations, hashes, nextHashes, signatures []string
	sequences, nexts                              []int64
}

func (m *moves) add(org pullpass.OrganizationID, before, after audit.Head, signature string) {
	m.organizations = append(m.organizations, string(org))
	m.sequences, m.hashes = append(m.sequences, before.Sequence), append(m.hashes, before.Hash)
	m.nexts, m.nextHashes = append(m.nexts, after.Sequence), append(m.nextHashes, after.Hash)
	m.signatures = append(m.signatures, signature)
}

// appendEvents writes everything or, if a chain ends elsewhere, nothing.
const appendEvents = `WITH wanted AS (
		SELECT * FROM unnest($21::text[], $22::bigint[], $23::text[], $24::bigint[], $25::text[], $26::text[])
			AS w (organization, sequence, hash, next, next_hash, signature)
	), locked AS (
		SELECT organization, sequence, hash FROM event_heads WHERE organization = ANY ($21::text[]) ORDER BY organization FOR UPDATE
	), same AS (
		SELECT w.* FROM wanted w JOIN locked l ON l.organization = w.organization AND l.sequence = w.sequence AND l.hash = w.hash
	), agreed AS (
		SELECT (SELECT COUNT(*) FROM same) = (SELECT COUNT(*) FROM wanted) AS yes
	), moved AS (
		UPDATE event_heads h SET sequence = s.next, hash = s.next_hash, signature = s.signature FROM same s
			WHERE h.organization = s.organization AND (SELECT yes FROM agreed)
	)
	INSERT INTO events (` + eventFields + `) SELECT * FROM unnest(
		$1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
		$9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::bigint[],
		$18::text[], $19::text[], $20::text[]) WHERE (SELECT yes FROM agreed)`

// eventColumns are the fields of the events, a list a column.
func eventColumns(events []pullpass.Event) ([]any, error) {
	texts, numbers := make([][]string, eventFieldCount), make([][]int64, eventFieldCount)
	for _, e := range events {
		for i, field := range eventArgs(e) {
			switch v := field.(type) {
			case int64:
				numbers[i] = append(numbers[i], v)
			case asJSON:
				text, err := json.Marshal(v.v)
				if err != nil {
					return nil, err
				}
				texts[i] = append(texts[i], string(text))
			default:
				texts[i] = append(texts[i], reflect.ValueOf(v).String())
			}
		}
	}
	columns := make([]any, eventFieldCount)
	for i := range columns {
		columns[i] = texts[i]
		if numbers[i] != nil {
			columns[i] = numbers[i]
		}
	}
	return columns, nil
}

// extend locks the head of the organization's chain and links the events at the
// given places to it. If that is not the end which this server knows, or does not
// carry a signature of the chain's key, a record of it comes first, and is
// returned: the new head signs it as well, so it cannot be taken away unnoticed.
func (x *tx) extend(org pullpass.OrganizationID, events []pullpass.Event, places []int, signer *audit.Signer) (audit.Head, []pullpass.Event, error) {
	head, signature, err := x.lockHead(org)
	if err != nil {
		return head, nil, err
	}
	problem, err := x.brokenAt(org, head, signature, signer)
	if err != nil {
		return head, nil, err
	}
	var breaks []pullpass.Event
	if problem != "" {
		breaks = []pullpass.Event{audit.Normalize(pullpass.Event{
			Organization: org, At: x.db.now(), Action: audit.ActionBreak, Decision: pullpass.DecisionFailed, Reason: problem,
		})}
		head = link(head, breaks, []int{0})
		x.db.log.Error("the audit log is not as it was written", "organization", org, "problem", problem)
	}
	head = link(head, events, places)
	_, err = x.exec(`UPDATE event_heads SET sequence = $2, hash = $3, signature = $4 WHERE organization = $1`,
		org, head.Sequence, head.Hash, signer.Sign(head, audit.PurposeHead))
	return head, breaks, err
}

// brokenAt says why a head is not the end of the chain that was written here.
func (x *tx) brokenAt(org pullpass.OrganizationID, head audit.Head, signature string, signer *audit.Signer) (string, error) {
	highest := x.db.heads.highestOf(org)
	if head == highest {
		return "", nil // this server wrote and signed it
	}
	s := audit.Seals{Head: head, HeadSignature: signature, Signer: signer, Highest: highest}
	if problem := s.Problem(); problem != "" || highest.Sequence == 0 {
		return problem, nil
	}
	// Another server was here. What this one wrote last is still in the chain.
	var hash string
	err := x.one(`SELECT hash FROM events WHERE organization = $1 AND sequence = $2`, org, highest.Sequence).Scan(&hash)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		var cut int64
		err = x.one(`SELECT COALESCE(MAX(sequence), 0) FROM event_cuts WHERE organization = $1`, org).Scan(&cut)
		if err != nil || cut >= highest.Sequence {
			return "", err
		}
		return fmt.Sprintf("record %s is gone", highest), nil
	case err != nil:
		return "", err
	case hash != highest.Hash:
		return fmt.Sprintf("record %s was replaced", highest), nil
	}
	return "", nil
}

// link makes the events at the given places the next of the chain that ends with
// head, and returns its new end.
func link(head audit.Head, events []pullpass.Event, places []int) audit.Head {
	for _, i := range places {
		e := &events[i]
		e.Sequence, e.Previous = head.Sequence+1, head.Hash
		e.Hash = audit.Hash(*e)
		head = audit.Head{Sequence: e.Sequence, Hash: e.Hash}
	}
	return head
}

func (x *tx) lockHead(org pullpass.OrganizationID) (head audit.Head, signature string, err error) {
	for range 2 {
		err = x.one(`SELECT sequence, hash, signature FROM event_heads WHERE organization = $1`+x.db.dialect.ForUpdate, org).
			Scan(&head.Sequence, &head.Hash, &signature)
		if !errors.Is(err, sql.ErrNoRows) {
			return head, signature, err
		}
		// The first event of the organization: whoever inserts second finds the row.
		if _, err := x.exec(`INSERT INTO event_heads (organization, sequence, hash) VALUES ($1, 0, '')
			ON CONFLICT (organization) DO NOTHING`, org); err != nil {
			return head, "", err
		}
	}
	return head, signature, err
}

// insertEvents writes as many rows with one statement as is best for the
// database: PostgreSQL saves round trips, SQLite searches its parameters one by
// one.
func (x *tx) insertEvents(events []pullpass.Event) error {
	for chunk := range slices.Chunk(events, x.db.dialect.EventRows) {
		args := make([]any, 0, len(chunk)*eventFieldCount)
		for _, e := range chunk {
			args = append(args, eventArgs(e)...)
		}
		if _, err := x.exec(insertEvents(len(chunk)), args...); err != nil {
			return err
		}
	}
	return nil
}

func insertEvents(rows int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO events (` + eventFields + `) VALUES `)
	for i := range rows * eventFieldCount {
		switch {
		case i == 0:
			b.WriteString("($")
		case i%eventFieldCount == 0:
			b.WriteString("), ($")
		default:
			b.WriteString(", $")
		}
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteString(")")
	return b.String()
}
