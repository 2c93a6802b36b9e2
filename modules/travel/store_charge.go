package travel

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type chargeRow struct {
	Payment       string    `db:"payment_id"`
	Case          string    `db:"case_id"`
	Purpose       string    `db:"purpose"`
	State         string    `db:"state"`
	Fare          int64     `db:"fare"`
	Insurance     int64     `db:"insurance"`
	FareBack      int64     `db:"fare_back"`
	InsuranceBack int64     `db:"insurance_back"`
	CreatedAt     time.Time `db:"created_at"`
}

const chargeColumns = `payment_id, case_id, purpose, state, fare, insurance, fare_back, insurance_back, created_at`

// chargesOf reads what a booking was asked to pay, oldest first. The booking is locked.
func chargesOf(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]charge, error) {
	var rows []chargeRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+chargeColumns+` FROM travel.charge WHERE tenant_id = $1 AND case_id = $2 ORDER BY created_at, payment_id`, tx.TenantID(), c)
	if err != nil {
		return nil, fmt.Errorf("charges of %s: %w", c, err)
	}
	out := make([]charge, len(rows))
	for i, r := range rows {
		out[i] = charge{Payment: kernel.PaymentID(r.Payment), Case: kernel.CaseID(r.Case), Purpose: r.Purpose, State: r.State, Fare: r.Fare, Insurance: r.Insurance,
			FareBack: r.FareBack, InsuranceBack: r.InsuranceBack, CreatedAt: r.CreatedAt.UTC()}
	}
	return out, nil
}

func insertCharge(ctx context.Context, tx kernel.Tx, c charge) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO travel.charge (tenant_id, payment_id, case_id, purpose, state, fare, insurance, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.TenantID(), c.Payment, c.Case, c.Purpose, c.State, c.Fare, c.Insurance, c.CreatedAt)
	if err != nil {
		return fmt.Errorf("charge of %s: %w", c.Case, err)
	}
	return nil
}

func saveCharge(ctx context.Context, tx kernel.Tx, c charge) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.charge SET state = $3, fare_back = $4, insurance_back = $5 WHERE tenant_id = $1 AND payment_id = $2`,
		tx.TenantID(), c.Payment, c.State, c.FareBack, c.InsuranceBack)
	if err != nil {
		return fmt.Errorf("charge of %s: %w", c.Case, err)
	}
	return nil
}

// refund is money that is to go back from one payment, in minor units.
type refund struct {
	Payment   kernel.PaymentID `db:"payment_id"`
	Key       string           `db:"key"`
	Case      kernel.CaseID    `db:"case_id"`
	Reason    string           `db:"reason"`
	Fare      int64            `db:"fare"`
	Insurance int64            `db:"insurance"`
}

func insertRefund(ctx context.Context, tx kernel.Tx, r refund, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO travel.refund (tenant_id, payment_id, key, case_id, reason, fare, insurance, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.TenantID(), r.Payment, r.Key, r.Case, r.Reason, r.Fare, r.Insurance, at)
	if err != nil {
		return fmt.Errorf("refund of %s: %w", r.Case, err)
	}
	return nil
}

// waitingRefunds lists the refunds of a booking that have not been asked for yet, oldest first.
func waitingRefunds(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (out []refund, err error) {
	err = pg.From(tx).SelectContext(ctx, &out, `SELECT payment_id, key, case_id, reason, fare, insurance FROM travel.refund
		WHERE tenant_id = $1 AND case_id = $2 AND ordered_at IS NULL ORDER BY created_at, payment_id, key`, tx.TenantID(), c)
	return out, err
}

func refundOrdered(ctx context.Context, tx kernel.Tx, r refund, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.refund SET ordered_at = $4 WHERE tenant_id = $1 AND payment_id = $2 AND key = $3`, tx.TenantID(), r.Payment, r.Key, at)
	return err
}

// wanted is another departure that somebody has chosen and has yet to pay the difference for.
type wanted struct {
	Case      kernel.CaseID
	Payment   kernel.PaymentID
	Departure DepartureID
	FromSeq   int
	ToSeq     int
	Fare      int64
	Insurance int64        // the premium; kept as what the payment asks for beyond the booking's
	Seats     []wantedSeat // in the order of the passengers
	CreatedAt time.Time
}

// wantedSeat is what one passenger would have there.
type wantedSeat struct {
	Place   string `json:"place"`
	Bicycle string `json:"bicycle,omitempty"`
	Class   string `json:"class"`
	Proof   bool   `json:"proof,omitempty"`
	Fare    int64  `json:"fare"`
}

// loadWanted reads the change that a booking waits for; false when there is none. The booking is locked.
func loadWanted(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (wanted, bool, error) {
	var r struct {
		Payment   string    `db:"payment_id"`
		Departure string    `db:"departure_id"`
		FromSeq   int       `db:"from_seq"`
		ToSeq     int       `db:"to_seq"`
		Fare      int64     `db:"fare"`
		Seats     []byte    `db:"seats"`
		CreatedAt time.Time `db:"created_at"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT payment_id, departure_id, from_seq, to_seq, fare, seats, created_at FROM travel.change WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return wanted{}, false, nil
	}
	if err != nil {
		return wanted{}, false, fmt.Errorf("change of %s: %w", c, err)
	}
	w := wanted{Case: c, Payment: kernel.PaymentID(r.Payment), Departure: DepartureID(r.Departure), FromSeq: r.FromSeq, ToSeq: r.ToSeq, Fare: r.Fare, CreatedAt: r.CreatedAt.UTC()}
	return w, true, json.Unmarshal(r.Seats, &w.Seats)
}

func insertWanted(ctx context.Context, tx kernel.Tx, w wanted) error {
	seats, err := json.Marshal(w.Seats)
	if err != nil {
		return err
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO travel.change (tenant_id, case_id, payment_id, departure_id, from_seq, to_seq, fare, seats, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		tx.TenantID(), w.Case, w.Payment, w.Departure, w.FromSeq, w.ToSeq, w.Fare, seats, w.CreatedAt)
	if err != nil {
		return fmt.Errorf("change of %s: %w", w.Case, err)
	}
	return nil
}

func deleteWanted(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM travel.change WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), c)
	return err
}
