-- +goose Up
-- What citizens are asked to pay, what providers told us became of it, and the ledger of it. Only the module payments writes
-- here. Amounts are minor units; currencies are ISO 4217.
CREATE SCHEMA payments;

-- One payment and the facts known about it. A fact is a moment by the provider's clock, set once it is known and never taken
-- back; the state is read off them.
CREATE TABLE payments.payment (
  tenant_id     text        NOT NULL,
  id            uuid        NOT NULL,
  case_id       uuid        NOT NULL,
  person        uuid        NOT NULL,
  provider      text        NOT NULL, -- its name in the settings
  number        text        NOT NULL, -- people quote it
  title         jsonb       NOT NULL, -- locale → text
  amount        bigint      NOT NULL,
  currency      text        NOT NULL,
  until         timestamptz NOT NULL, -- an authorisation is in time until then
  return_path   text        NOT NULL,
  created_at    timestamptz NOT NULL,
  reference     text,                 -- the provider's name for it
  pay_url       text,                 -- where it is paid, at the provider
  failed_at     timestamptz,          -- the last attempt that failed
  failed_reason text,
  authorized_at timestamptz,
  captured_at   timestamptz,
  voided_at     timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT payment_number_key UNIQUE (tenant_id, number),
  CONSTRAINT payment_reference_key UNIQUE (tenant_id, provider, reference),
  CONSTRAINT payment_currency_key UNIQUE (tenant_id, id, currency),
  CONSTRAINT payment_amount CHECK (amount > 0 AND currency ~ '^[A-Z]{3}$'),
  CONSTRAINT payment_begun CHECK ((reference IS NULL) = (pay_url IS NULL)),
  CONSTRAINT payment_failed CHECK ((failed_at IS NULL) = (failed_reason IS NULL)),
  CONSTRAINT payment_return CHECK (return_path ~ '^/([^/\\]|$)'),
  CONSTRAINT payment_sizes CHECK (jsonb_typeof(title) = 'object' AND length(provider) BETWEEN 1 AND 60 AND length(number) BETWEEN 1 AND 40
    AND length(reference) BETWEEN 1 AND 255 AND length(pay_url) <= 2000 AND length(failed_reason) <= 60 AND length(return_path) <= 500)
);
SELECT app_distribute('payments.payment');
SELECT app_protect('payments.payment');
CREATE INDEX payment_case ON payments.payment (tenant_id, case_id, created_at, id);
CREATE INDEX payment_person ON payments.payment (tenant_id, person, created_at, id);
CREATE INDEX payment_captured_day ON payments.payment (tenant_id, provider, captured_at) WHERE captured_at IS NOT NULL;

-- What a payment is for. taken is what is to be captured of the line, or was; promised is what refunds that have not failed
-- give back of it.
CREATE TABLE payments.payment_line (
  tenant_id  text    NOT NULL,
  payment_id uuid    NOT NULL,
  name       text    NOT NULL,
  position   integer NOT NULL,
  payee      text    NOT NULL, -- the agency
  title      jsonb   NOT NULL,
  amount     bigint  NOT NULL,
  taken      bigint,
  promised   bigint  NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, payment_id, name),
  CONSTRAINT payment_line_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment (tenant_id, id),
  CONSTRAINT payment_line_amounts CHECK (amount > 0 AND taken BETWEEN 0 AND amount AND promised BETWEEN 0 AND coalesce(taken, 0)),
  CONSTRAINT payment_line_sizes CHECK (jsonb_typeof(title) = 'object' AND length(name) BETWEEN 1 AND 60 AND length(payee) BETWEEN 1 AND 60)
);
SELECT app_distribute('payments.payment_line');
SELECT app_protect('payments.payment_line');

-- What modules want done. done_at and failed_at are facts about a refund.
CREATE TABLE payments.payment_order (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL, -- the provider is told it
  payment_id uuid        NOT NULL,
  key        text        NOT NULL, -- the caller's
  kind       text        NOT NULL,
  amount     bigint      NOT NULL, -- 0 for a void
  reason     text        NOT NULL,
  created_at timestamptz NOT NULL,
  sent_at    timestamptz,          -- the provider has accepted it
  done_at    timestamptz,
  failed_at  timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT payment_order_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment (tenant_id, id),
  CONSTRAINT payment_order_key UNIQUE (tenant_id, payment_id, key),
  CONSTRAINT payment_order_of UNIQUE (tenant_id, id, payment_id),
  CONSTRAINT payment_order_kind CHECK (kind IN ('capture', 'void', 'refund') AND (kind = 'void') = (amount = 0) AND amount >= 0),
  CONSTRAINT payment_order_facts CHECK (kind = 'refund' OR done_at IS NULL AND failed_at IS NULL),
  CONSTRAINT payment_order_sizes CHECK (length(key) BETWEEN 1 AND 100 AND length(reason) <= 60)
);
SELECT app_distribute('payments.payment_order');
SELECT app_protect('payments.payment_order');
CREATE UNIQUE INDEX payment_order_once ON payments.payment_order (tenant_id, payment_id, kind) WHERE kind IN ('capture', 'void');
CREATE INDEX payment_order_done_day ON payments.payment_order (tenant_id, done_at) WHERE done_at IS NOT NULL;

CREATE TABLE payments.order_line (
  tenant_id  text   NOT NULL,
  order_id   uuid   NOT NULL,
  payment_id uuid   NOT NULL,
  line       text   NOT NULL,
  amount     bigint NOT NULL,
  PRIMARY KEY (tenant_id, order_id, line),
  CONSTRAINT order_line_order_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments.payment_order (tenant_id, id, payment_id),
  CONSTRAINT order_line_line_fkey FOREIGN KEY (tenant_id, payment_id, line) REFERENCES payments.payment_line (tenant_id, payment_id, name),
  CONSTRAINT order_line_amount CHECK (amount > 0)
);
SELECT app_distribute('payments.order_line');
SELECT app_protect('payments.order_line', 'insert');

-- The ledger. provider:<name> is what a provider owes the town, payee:<agency> what the town owes an agency.
CREATE TABLE payments.account (
  tenant_id text NOT NULL,
  code      text NOT NULL,
  currency  text NOT NULL,
  kind      text NOT NULL,
  PRIMARY KEY (tenant_id, code, currency),
  CONSTRAINT account_code CHECK (kind IN ('provider', 'payee') AND code LIKE kind || ':_%' AND length(code) <= 80 AND currency ~ '^[A-Z]{3}$')
);
SELECT app_distribute('payments.account');
SELECT app_protect('payments.account', 'insert');

-- One row, one transfer: it debits one account and credits another with the same amount, so the sum over all accounts is zero
-- whatever the rows are. A pending transfer reserves; one post (of it or of a part, the rest lapses) or one void resolves it,
-- between the same accounts, in the same currency, of no more than it.
CREATE TABLE payments.transfer (
  tenant_id       text        NOT NULL,
  id              uuid        NOT NULL,
  kind            text        NOT NULL,
  debit           text        NOT NULL,
  credit          text        NOT NULL,
  currency        text        NOT NULL,
  amount          bigint      NOT NULL,
  resolves        uuid,                 -- the pending transfer
  resolves_kind   text,
  resolves_amount bigint,
  payment_id      uuid        NOT NULL,
  line            text        NOT NULL,
  order_id        uuid,                 -- of a refund; null: the payment itself
  at              timestamptz NOT NULL, -- when it happened, by the provider's clock
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT transfer_whole UNIQUE (tenant_id, id, kind, debit, credit, currency, amount),
  CONSTRAINT transfer_debit_fkey FOREIGN KEY (tenant_id, debit, currency) REFERENCES payments.account (tenant_id, code, currency),
  CONSTRAINT transfer_credit_fkey FOREIGN KEY (tenant_id, credit, currency) REFERENCES payments.account (tenant_id, code, currency),
  CONSTRAINT transfer_currency_fkey FOREIGN KEY (tenant_id, payment_id, currency) REFERENCES payments.payment (tenant_id, id, currency),
  CONSTRAINT transfer_line_fkey FOREIGN KEY (tenant_id, payment_id, line) REFERENCES payments.payment_line (tenant_id, payment_id, name),
  CONSTRAINT transfer_order_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments.payment_order (tenant_id, id, payment_id),
  CONSTRAINT transfer_resolves_fkey FOREIGN KEY (tenant_id, resolves, resolves_kind, debit, credit, currency, resolves_amount)
    REFERENCES payments.transfer (tenant_id, id, kind, debit, credit, currency, amount),
  CONSTRAINT transfer_resolved_once UNIQUE (tenant_id, resolves),
  CONSTRAINT transfer_amount CHECK (amount > 0 AND debit <> credit),
  CONSTRAINT transfer_kind CHECK (kind IN ('single', 'pending', 'post', 'void')),
  CONSTRAINT transfer_resolution CHECK ((kind IN ('post', 'void')) = (resolves IS NOT NULL)
    AND (resolves IS NULL) = (resolves_kind IS NULL) AND (resolves IS NULL) = (resolves_amount IS NULL)
    AND resolves_kind = 'pending' AND amount <= resolves_amount AND (kind <> 'void' OR amount = resolves_amount))
);
SELECT app_distribute('payments.transfer');
SELECT app_protect('payments.transfer', 'insert');
-- A fact is booked once, however often it is told.
CREATE UNIQUE INDEX transfer_of_payment ON payments.transfer (tenant_id, payment_id, line, kind) WHERE order_id IS NULL;
CREATE UNIQUE INDEX transfer_of_order ON payments.transfer (tenant_id, order_id, line, kind) WHERE order_id IS NOT NULL;
CREATE INDEX transfer_day ON payments.transfer (tenant_id, at, id);

-- What providers told us, each message once. No personal data.
CREATE TABLE payments.provider_event (
  tenant_id   text        NOT NULL,
  provider    text        NOT NULL,
  event_id    text        NOT NULL, -- webhook-id, or the provider's own
  kind        text        NOT NULL,
  payment_id  uuid        NOT NULL,
  order_id    uuid,
  amount      bigint      NOT NULL,
  currency    text        NOT NULL,
  reason      text        NOT NULL,
  refused     text,                 -- why it was not believed; null: it was
  at          timestamptz NOT NULL, -- by the provider's clock
  received_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, provider, event_id),
  CONSTRAINT provider_event_payment_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment (tenant_id, id),
  CONSTRAINT provider_event_sizes CHECK (length(event_id) BETWEEN 1 AND 255 AND length(kind) BETWEEN 1 AND 60 AND length(currency) <= 3
    AND length(reason) <= 60 AND length(refused) <= 60)
);
SELECT app_distribute('payments.provider_event');
SELECT app_protect('payments.provider_event', 'insert');
CREATE INDEX provider_event_payment ON payments.provider_event (tenant_id, payment_id, received_at);

-- Where a provider's word and our books differ. A person settles it with a reason.
CREATE TABLE payments.difference (
  tenant_id  text        NOT NULL,
  id         uuid        NOT NULL,
  provider   text        NOT NULL,
  kind       text        NOT NULL,
  key        text        NOT NULL, -- what it is about: the same difference found twice is one
  day        date        NOT NULL, -- UTC
  payment_id uuid,
  reference  text        NOT NULL,
  ours       bigint,
  theirs     bigint,
  currency   text        NOT NULL,
  found_at   timestamptz NOT NULL,
  settled_at timestamptz,
  settled_by uuid,
  settlement text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT difference_once UNIQUE (tenant_id, provider, kind, key),
  CONSTRAINT difference_payment_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment (tenant_id, id),
  CONSTRAINT difference_kind CHECK (kind IN ('amount', 'currency', 'order-refused', 'contradiction', 'missing-here', 'missing-there')),
  CONSTRAINT difference_settled CHECK ((settled_at IS NULL) = (settled_by IS NULL) AND (settled_at IS NULL) = (settlement IS NULL)),
  CONSTRAINT difference_sizes CHECK (length(key) BETWEEN 1 AND 255 AND length(reference) <= 255 AND length(currency) <= 3 AND length(settlement) <= 2000)
);
SELECT app_distribute('payments.difference');
SELECT app_protect('payments.difference');
CREATE INDEX difference_open ON payments.difference (tenant_id, day, id) WHERE settled_at IS NULL;
CREATE INDEX difference_day ON payments.difference (tenant_id, provider, day);

-- Which days have been compared with which provider's statement.
CREATE TABLE payments.reconciliation (
  tenant_id text        NOT NULL,
  provider  text        NOT NULL,
  day       date        NOT NULL, -- UTC
  theirs    integer     NOT NULL, -- lines of the statement
  ours      integer     NOT NULL, -- captures and refunds of the ledger
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, provider, day),
  CONSTRAINT reconciliation_counts CHECK (theirs >= 0 AND ours >= 0)
);
SELECT app_distribute('payments.reconciliation');
SELECT app_protect('payments.reconciliation');
