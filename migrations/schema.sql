CREATE SCHEMA audit;

CREATE SCHEMA casework;

CREATE SCHEMA catalogue;

CREATE SCHEMA documents;

CREATE SCHEMA identity;

CREATE SCHEMA kernel;

CREATE SCHEMA medical;

CREATE SCHEMA notify;

CREATE SCHEMA partners;

CREATE SCHEMA payments;

CREATE SCHEMA travel;

CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

COMMENT ON EXTENSION btree_gist IS 'support for indexing common datatypes in GiST';

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE FUNCTION catalogue.slips(word text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog'
    AS $$
  SELECT CASE WHEN length(word) BETWEEN 3 AND 24 AND word !~ '[㐀-鿿]' THEN
    array(SELECT DISTINCT overlay(word PLACING '' FROM i FOR 1) FROM generate_series(1, length(word)) i) || word
  ELSE '{}' END
$$;

CREATE FUNCTION medical.live_holds(until timestamp with time zone[]) RETURNS bigint
    LANGUAGE sql PARALLEL SAFE
    AS $$SELECT count(*) FROM unnest(until) AS u WHERE u > clock_timestamp()$$;

CREATE FUNCTION public.app_distribute(tbl text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    EXECUTE format('SELECT create_distributed_table(%L, %L)', tbl, 'tenant_id');
  END IF;
END $$;

CREATE FUNCTION public.app_protect(tbl text, how text DEFAULT 'change'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE schema_name text := split_part(tbl, '.', 1);
BEGIN
  IF how NOT IN ('change', 'insert') THEN
    RAISE EXCEPTION 'app_protect: % is neither change nor insert', how;
  END IF;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', tbl::regclass);
  EXECUTE format('CREATE POLICY tenant ON %s USING (tenant_id = (SELECT app_tenant())) WITH CHECK (tenant_id = (SELECT app_tenant()))', tbl::regclass);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO townhall_rw, townhall_ro', schema_name);
  EXECUTE format('GRANT SELECT ON %s TO townhall_ro', tbl::regclass);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO townhall_rw', tbl::regclass);
  IF how = 'change' THEN
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO townhall_rw', tbl::regclass);
  END IF;
END $$;

CREATE FUNCTION public.app_share(tbl text, how text DEFAULT 'change'::text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE schema_name text := split_part(tbl, '.', 1);
BEGIN
  IF how NOT IN ('change', 'insert') THEN
    RAISE EXCEPTION 'app_share: % is neither change nor insert', how;
  END IF;
  IF EXISTS (SELECT FROM pg_extension WHERE extname = 'citus') THEN
    EXECUTE format('SELECT create_reference_table(%L)', tbl);
  END IF;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO townhall_rw, townhall_ro', schema_name);
  EXECUTE format('GRANT SELECT ON %s TO townhall_ro', tbl::regclass);
  EXECUTE format('GRANT SELECT, INSERT ON %s TO townhall_rw', tbl::regclass);
  IF how = 'change' THEN
    EXECUTE format('GRANT UPDATE, DELETE ON %s TO townhall_rw', tbl::regclass);
  END IF;
END $$;

CREATE FUNCTION public.app_tenant() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE t text := current_setting('app.tenant', true);
BEGIN
  IF t IS NULL OR t = '' THEN
    RAISE EXCEPTION 'app.tenant is not set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN t;
END $$;

CREATE TABLE audit.entry (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    actor_kind text NOT NULL,
    actor uuid,
    client text NOT NULL,
    agencies jsonb NOT NULL,
    action text NOT NULL,
    case_id uuid,
    subject uuid,
    details jsonb NOT NULL,
    CONSTRAINT entry_action_shape CHECK ((action ~ '^[a-z][a-z0-9.-]{0,63}$'::text)),
    CONSTRAINT entry_actor_kind_known CHECK ((actor_kind = ANY (ARRAY['anonymous'::text, 'citizen'::text, 'staff'::text, 'integrator'::text, 'host'::text, 'system'::text]))),
    CONSTRAINT entry_agencies_list CHECK ((jsonb_typeof(agencies) = 'array'::text)),
    CONSTRAINT entry_client_size CHECK ((length(client) <= 255)),
    CONSTRAINT entry_details_object CHECK (((jsonb_typeof(details) = 'object'::text) AND (pg_column_size(details) <= 8192))),
    CONSTRAINT entry_people_are_named CHECK (((actor_kind <> ALL (ARRAY['citizen'::text, 'staff'::text])) OR (actor IS NOT NULL)))
);

ALTER TABLE ONLY audit.entry FORCE ROW LEVEL SECURITY;

CREATE TABLE casework."case" (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    number text NOT NULL,
    service text NOT NULL,
    sector text NOT NULL,
    workflow_hash text NOT NULL,
    agency text NOT NULL,
    applicant uuid NOT NULL,
    applicant_name text NOT NULL,
    assignee uuid,
    state text NOT NULL,
    final boolean NOT NULL,
    waiting text NOT NULL,
    version integer NOT NULL,
    entered integer NOT NULL,
    answers jsonb NOT NULL,
    locale text NOT NULL,
    channel text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    entered_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    due_at timestamp with time zone,
    closed_at timestamp with time zone,
    CONSTRAINT case_answers_object CHECK ((jsonb_typeof(answers) = 'object'::text)),
    CONSTRAINT case_channel_known CHECK ((channel = ANY (ARRAY[''::text, 'list'::text, 'search'::text, 'qr'::text, 'share'::text, 'recents'::text, 'nearby'::text, 'push'::text, 'desk'::text]))),
    CONSTRAINT case_closed_when_final CHECK ((final = (closed_at IS NOT NULL))),
    CONSTRAINT case_final_waits_for_nobody CHECK (((NOT final) OR ((waiting = 'nobody'::text) AND (due_at IS NULL)))),
    CONSTRAINT case_locale_known CHECK ((locale = ANY (ARRAY['en'::text, 'ru'::text, 'zh'::text]))),
    CONSTRAINT case_sizes CHECK (((length(number) <= 40) AND (length(applicant_name) <= 300) AND (pg_column_size(answers) <= 131072))),
    CONSTRAINT case_times_in_order CHECK (((updated_at >= created_at) AND (entered_at >= created_at) AND ((submitted_at IS NULL) OR (submitted_at >= created_at)) AND ((closed_at IS NULL) OR (closed_at >= created_at)))),
    CONSTRAINT case_version_counts CHECK (((version >= 1) AND ((entered >= 1) AND (entered <= version)))),
    CONSTRAINT case_waiting_known CHECK ((waiting = ANY (ARRAY['applicant'::text, 'agency'::text, 'nobody'::text])))
);

ALTER TABLE ONLY casework."case" FORCE ROW LEVEL SECURITY;

CREATE TABLE casework.event (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    seq integer NOT NULL,
    action text NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    actor_kind text NOT NULL,
    role text NOT NULL,
    actor_id uuid,
    actor_name text NOT NULL,
    input jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT event_actor_known CHECK ((actor_kind = ANY (ARRAY['citizen'::text, 'staff'::text, 'system'::text]))),
    CONSTRAINT event_first_opens CHECK (((seq = 1) = (from_state = ''::text))),
    CONSTRAINT event_input_object CHECK ((jsonb_typeof(input) = 'object'::text)),
    CONSTRAINT event_person_acts CHECK (((actor_kind = 'system'::text) = (actor_id IS NULL))),
    CONSTRAINT event_seq_counts CHECK ((seq >= 1))
);

ALTER TABLE ONLY casework.event FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.agency (
    tenant_id text NOT NULL,
    agency text NOT NULL,
    word tsvector NOT NULL,
    stem tsvector NOT NULL
);

ALTER TABLE ONLY catalogue.agency FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.filled (
    tenant_id text NOT NULL,
    digest bytea NOT NULL
);

ALTER TABLE ONLY catalogue.filled FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.log_hash (
    "position" bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT log_hash_size CHECK ((("position" >= 0) AND (length(hash) = 32)))
);

CREATE TABLE catalogue.log_head (
    size bigint NOT NULL,
    signed text NOT NULL,
    CONSTRAINT log_head_size CHECK (((size > 0) AND ((length(signed) >= 1) AND (length(signed) <= 2000))))
);

CREATE TABLE catalogue.log_record (
    "position" bigint NOT NULL,
    leaf text NOT NULL,
    tenant text NOT NULL,
    app_id text NOT NULL,
    code integer NOT NULL,
    hash text NOT NULL,
    since timestamp with time zone NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT log_record_sizes CHECK ((("position" >= 0) AND (code > 0) AND ((length(leaf) >= 1) AND (length(leaf) <= 4000)) AND ((length(tenant) >= 1) AND (length(tenant) <= 63)) AND ((length(app_id) >= 1) AND (length(app_id) <= 63)) AND (hash ~ '^sha256:[0-9a-f]{64}$'::text)))
);

CREATE TABLE catalogue.offer (
    tenant_id text NOT NULL,
    slug text NOT NULL,
    place integer NOT NULL
);

ALTER TABLE ONLY catalogue.offer FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.release (
    tenant_id text NOT NULL,
    app text NOT NULL,
    stage text NOT NULL,
    share integer DEFAULT 100 NOT NULL,
    paused_from text,
    reason jsonb DEFAULT '{}'::jsonb NOT NULL,
    back_on date,
    season_from text,
    season_until text,
    min_host text DEFAULT ''::text NOT NULL,
    proposed_stage text,
    proposed_share integer,
    proposed_by uuid,
    proposed_name text,
    proposed_reason text,
    proposed_at timestamp with time zone,
    version integer NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT release_paused_from CHECK ((((stage = 'paused'::text) = (paused_from IS NOT NULL)) AND ((paused_from IS NULL) OR (paused_from = ANY (ARRAY['draft'::text, 'beta'::text, 'public'::text]))))),
    CONSTRAINT release_proposal_known CHECK (((proposed_stage = ANY (ARRAY['draft'::text, 'beta'::text, 'public'::text, 'retired'::text])) AND ((proposed_share >= 1) AND (proposed_share <= 100)) AND ((stage <> 'retired'::text) OR (proposed_stage IS NULL)))),
    CONSTRAINT release_proposal_whole CHECK ((((proposed_stage IS NULL) = (proposed_by IS NULL)) AND ((proposed_by IS NULL) = (proposed_at IS NULL)) AND ((proposed_by IS NULL) = (proposed_reason IS NULL)) AND ((proposed_by IS NULL) = (proposed_name IS NULL)) AND ((proposed_by IS NULL) = (proposed_share IS NULL)))),
    CONSTRAINT release_season_days CHECK ((((season_from IS NULL) = (season_until IS NULL)) AND (season_from ~ '^[01]\d-[0-3]\d$'::text) AND (season_until ~ '^[01]\d-[0-3]\d$'::text))),
    CONSTRAINT release_share_percent CHECK (((share >= 1) AND (share <= 100))),
    CONSTRAINT release_sizes CHECK ((((length(app) >= 1) AND (length(app) <= 100)) AND (length(min_host) <= 20) AND (pg_column_size(reason) <= 8192) AND (jsonb_typeof(reason) = 'object'::text) AND (length(proposed_reason) <= 500) AND (length(proposed_name) <= 200))),
    CONSTRAINT release_stage_known CHECK ((stage = ANY (ARRAY['draft'::text, 'review'::text, 'beta'::text, 'public'::text, 'paused'::text, 'retired'::text]))),
    CONSTRAINT release_version_counts CHECK ((version >= 1))
);

ALTER TABLE ONLY catalogue.release FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.release_change (
    tenant_id text NOT NULL,
    app text NOT NULL,
    version integer NOT NULL,
    at timestamp with time zone NOT NULL,
    action text NOT NULL,
    actor uuid NOT NULL,
    actor_name text NOT NULL,
    proposed_by uuid,
    proposed_name text DEFAULT ''::text NOT NULL,
    from_stage text NOT NULL,
    to_stage text NOT NULL,
    from_share integer NOT NULL,
    to_share integer NOT NULL,
    reason text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT release_change_action_known CHECK ((action = ANY (ARRAY['begin'::text, 'propose'::text, 'approve'::text, 'refuse'::text, 'share'::text, 'halt'::text, 'conditions'::text, 'testers'::text]))),
    CONSTRAINT release_change_four_eyes CHECK (((action <> 'approve'::text) OR ((proposed_by IS NOT NULL) AND (proposed_by <> actor)))),
    CONSTRAINT release_change_sizes CHECK ((((length(reason) >= 5) AND (length(reason) <= 500)) AND (length(actor_name) <= 200) AND (length(proposed_name) <= 200) AND (jsonb_typeof(details) = 'object'::text) AND (pg_column_size(details) <= 8192)))
);

ALTER TABLE ONLY catalogue.release_change FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.said (
    slug text NOT NULL,
    lang text NOT NULL,
    category text NOT NULL,
    agency text NOT NULL,
    title text NOT NULL,
    words text NOT NULL,
    summary text NOT NULL,
    digest bytea NOT NULL,
    word tsvector NOT NULL,
    stem tsvector NOT NULL,
    made boolean DEFAULT false NOT NULL,
    CONSTRAINT said_lang_check CHECK ((lang = ANY (ARRAY['en'::text, 'ru'::text, 'zh'::text])))
);
ALTER TABLE ONLY catalogue.said ALTER COLUMN word SET STORAGE MAIN;
ALTER TABLE ONLY catalogue.said ALTER COLUMN stem SET STORAGE MAIN;

CREATE TABLE catalogue.tester (
    tenant_id text NOT NULL,
    app text NOT NULL,
    who text NOT NULL,
    added_at timestamp with time zone NOT NULL,
    CONSTRAINT tester_who_size CHECK (((length(who) >= 1) AND (length(who) <= 255)))
);

ALTER TABLE ONLY catalogue.tester FORCE ROW LEVEL SECURITY;

CREATE TABLE catalogue.word (
    word text NOT NULL COLLATE pg_catalog."C",
    found integer NOT NULL,
    slips text[] NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE documents.document (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    case_id uuid,
    holder uuid NOT NULL,
    agency text NOT NULL,
    type text NOT NULL,
    number text NOT NULL,
    code text NOT NULL,
    title text NOT NULL,
    municipality text NOT NULL,
    issuer text NOT NULL,
    locale text NOT NULL,
    content jsonb,
    content_hash bytea NOT NULL,
    template text NOT NULL,
    state text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    valid_to timestamp with time zone,
    published_at timestamp with time zone,
    superseded_by uuid,
    revoked_at timestamp with time zone,
    revoked_by uuid,
    revoke_reason text,
    version integer DEFAULT 1 NOT NULL,
    reissue_of uuid,
    reissue_reason text,
    superseded_at timestamp with time zone,
    status_index integer,
    CONSTRAINT document_hash_is_sha256 CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT document_pending_has_content CHECK (((state <> 'pending'::text) OR (content IS NOT NULL))),
    CONSTRAINT document_published_has_time CHECK (
CASE state
    WHEN 'pending'::text THEN (published_at IS NULL)
    WHEN 'revoked'::text THEN true
    ELSE (published_at IS NOT NULL)
END),
    CONSTRAINT document_reissue_has_reason CHECK ((((reissue_of IS NULL) = (reissue_reason IS NULL)) AND (reissue_of <> id))),
    CONSTRAINT document_revoked_has_reason CHECK (((state = 'revoked'::text) = ((revoke_reason IS NOT NULL) AND (revoked_at IS NOT NULL)))),
    CONSTRAINT document_state_known CHECK ((state = ANY (ARRAY['pending'::text, 'valid'::text, 'superseded'::text, 'revoked'::text]))),
    CONSTRAINT document_status_index_not_negative CHECK ((status_index >= 0)),
    CONSTRAINT document_superseded_by_another CHECK (((state <> 'superseded'::text) OR ((superseded_by IS NOT NULL) AND (superseded_by <> id))))
);

ALTER TABLE ONLY documents.document FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.document_check (
    tenant_id text NOT NULL,
    document_id uuid NOT NULL,
    hour timestamp with time zone NOT NULL,
    how text NOT NULL,
    share_id uuid NOT NULL,
    count integer NOT NULL,
    CONSTRAINT document_check_counts CHECK ((count > 0)),
    CONSTRAINT document_check_how_known CHECK ((how = ANY (ARRAY['number'::text, 'file'::text, 'share'::text]))),
    CONSTRAINT document_check_of_a_share CHECK (((how = 'share'::text) = (share_id <> '00000000-0000-0000-0000-000000000000'::uuid)))
);

ALTER TABLE ONLY documents.document_check FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.file (
    tenant_id text NOT NULL,
    document_id uuid NOT NULL,
    sha256 bytea NOT NULL,
    bytes bytea NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    level text DEFAULT 'B-B'::text NOT NULL,
    proven_at timestamp with time zone,
    renew_before timestamp with time zone,
    CONSTRAINT file_hash_is_sha256 CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT file_level_known CHECK ((level = ANY (ARRAY['B-B'::text, 'B-T'::text, 'B-LT'::text, 'B-LTA'::text]))),
    CONSTRAINT file_revision_counts CHECK ((revision > 0))
);

ALTER TABLE ONLY documents.file FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.halt (
    tenant_id text NOT NULL,
    halted boolean NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone,
    changed_by uuid,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT halt_has_reason CHECK (((NOT halted) OR ((reason <> ''::text) AND (changed_at IS NOT NULL))))
);

ALTER TABLE ONLY documents.halt FORCE ROW LEVEL SECURITY;

CREATE TABLE documents.share (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    label text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT share_expires CHECK ((expires_at > created_at)),
    CONSTRAINT share_label_short CHECK (((length(label) >= 1) AND (length(label) <= 80))),
    CONSTRAINT share_token_is_sha256 CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY documents.share FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.consent (
    tenant_id text NOT NULL,
    person_id uuid NOT NULL,
    app text NOT NULL,
    asked jsonb NOT NULL,
    given jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT consent_names_check CHECK (((jsonb_typeof(asked) = 'array'::text) AND (jsonb_typeof(given) = 'array'::text)))
);

ALTER TABLE ONLY identity.consent FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.login (
    tenant_id text NOT NULL,
    state_hash bytea NOT NULL,
    browser_hash bytea NOT NULL,
    area text NOT NULL,
    app text NOT NULL,
    issuer text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    target text NOT NULL,
    level smallint NOT NULL,
    max_age_s integer NOT NULL,
    subject text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT login_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT login_hash_check CHECK (((octet_length(state_hash) = 32) AND (octet_length(browser_hash) = 32))),
    CONSTRAINT login_level_check CHECK (((level >= 0) AND (level <= 3)))
);

ALTER TABLE ONLY identity.login FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.logout_token (
    tenant_id text NOT NULL,
    issuer text NOT NULL,
    jti_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY identity.logout_token FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.person (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    area text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    locale text DEFAULT ''::text NOT NULL,
    claims jsonb DEFAULT '{}'::jsonb NOT NULL,
    claims_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT person_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT person_subject_check CHECK (((length(subject) >= 1) AND (length(subject) <= 255)))
);

ALTER TABLE ONLY identity.person FORCE ROW LEVEL SECURITY;

CREATE TABLE identity.session (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    token_hash bytea NOT NULL,
    area text NOT NULL,
    person_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    sid text DEFAULT ''::text NOT NULL,
    client text NOT NULL,
    level smallint NOT NULL,
    auth_time timestamp with time zone,
    groups jsonb DEFAULT '[]'::jsonb NOT NULL,
    launch jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT session_area_check CHECK ((area = ANY (ARRAY['citizen'::text, 'staff'::text]))),
    CONSTRAINT session_end_check CHECK ((expires_at > created_at)),
    CONSTRAINT session_level_check CHECK (((level >= 0) AND (level <= 3))),
    CONSTRAINT session_token_check CHECK ((octet_length(token_hash) = 32))
);

ALTER TABLE ONLY identity.session FORCE ROW LEVEL SECURITY;

CREATE TABLE kernel.effect (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    case_id uuid,
    payload jsonb NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone DEFAULT now() NOT NULL,
    leased boolean DEFAULT false NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT effect_done CHECK (((state = 'done'::text) = (done_at IS NOT NULL))),
    CONSTRAINT effect_last_error_check CHECK ((length(last_error) <= 300)),
    CONSTRAINT effect_name_check CHECK ((name ~~ '%_/_%'::text)),
    CONSTRAINT effect_state_check CHECK ((state = ANY (ARRAY['open'::text, 'done'::text, 'dead'::text])))
);

ALTER TABLE ONLY kernel.effect FORCE ROW LEVEL SECURITY;

CREATE TABLE kernel.idempotency (
    tenant_id text NOT NULL,
    principal text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    hash text NOT NULL,
    result json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 255)))
);

ALTER TABLE ONLY kernel.idempotency FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.appointment (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    number text NOT NULL,
    service text NOT NULL,
    facility text NOT NULL,
    visit_type text NOT NULL,
    state text NOT NULL,
    slot_id uuid,
    place_id uuid,
    practitioner_id uuid,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    hold_slot uuid,
    hold_until timestamp with time zone,
    applicant uuid NOT NULL,
    for_whom text NOT NULL,
    patient_name text NOT NULL,
    patient_birthdate date,
    relation text DEFAULT ''::text NOT NULL,
    locale text NOT NULL,
    sequence integer DEFAULT 0 NOT NULL,
    calendar_token text NOT NULL,
    cancel_reason text DEFAULT ''::text NOT NULL,
    checked_in_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT appointment_for_whom CHECK ((for_whom = ANY (ARRAY['self'::text, 'child'::text, 'mandate'::text, 'desk'::text]))),
    CONSTRAINT appointment_has_slot CHECK (((state = ANY (ARRAY['booked'::text, 'arrived'::text, 'attended'::text, 'closed'::text, 'missed'::text])) = (slot_id IS NOT NULL))),
    CONSTRAINT appointment_hold CHECK ((((hold_slot IS NULL) = (hold_until IS NULL)) AND ((hold_slot IS NULL) OR (state = ANY (ARRAY['draft'::text, 'offered'::text]))))),
    CONSTRAINT appointment_sizes CHECK (((length(patient_name) <= 300) AND (length(relation) <= 60) AND (length(cancel_reason) <= 60) AND (length(calendar_token) >= 22))),
    CONSTRAINT appointment_state_known CHECK ((state = ANY (ARRAY['draft'::text, 'waiting'::text, 'offered'::text, 'booked'::text, 'arrived'::text, 'attended'::text, 'closed'::text, 'cancelled'::text, 'missed'::text, 'lapsed'::text]))),
    CONSTRAINT appointment_times CHECK ((((slot_id IS NULL) OR (starts_at IS NOT NULL)) AND ((starts_at IS NULL) = (ends_at IS NULL))))
);

ALTER TABLE ONLY medical.appointment FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.confirmation (
    tenant_id text NOT NULL,
    number text NOT NULL,
    case_id uuid NOT NULL,
    CONSTRAINT confirmation_sizes CHECK (((length(number) >= 1) AND (length(number) <= 60)))
);

ALTER TABLE ONLY medical.confirmation FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.exception (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    kind text NOT NULL,
    schedule_id uuid,
    practitioner_id uuid,
    place_id uuid,
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    created_by uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT exception_kind_known CHECK (((kind = ANY (ARRAY['closed'::text, 'extra'::text])) AND ((kind = 'closed'::text) OR (schedule_id IS NOT NULL)))),
    CONSTRAINT exception_sizes CHECK ((length(reason) <= 300)),
    CONSTRAINT exception_times CHECK ((until_at > from_at))
);

ALTER TABLE ONLY medical.exception FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.facility (
    tenant_id text NOT NULL,
    id text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    website text DEFAULT ''::text NOT NULL,
    published boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT facility_sizes CHECK ((((length(id) >= 1) AND (length(id) <= 60)) AND (length(phone) <= 40) AND (length(website) <= 300)))
);

ALTER TABLE ONLY medical.facility FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.holiday (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text,
    day date NOT NULL,
    name jsonb NOT NULL
);

ALTER TABLE ONLY medical.holiday FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.import (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    counts jsonb NOT NULL,
    actor uuid,
    at timestamp with time zone NOT NULL,
    CONSTRAINT import_kind_known CHECK ((kind = ANY (ARRAY['sheets'::text, 'feed'::text]))),
    CONSTRAINT import_sizes CHECK (((length(name) <= 200) AND (length(sha256) = 32)))
);

ALTER TABLE ONLY medical.import FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.note (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    kind text NOT NULL,
    person uuid NOT NULL,
    sealed bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT note_kind_known CHECK ((kind = ANY (ARRAY['reason'::text, 'outcome'::text]))),
    CONSTRAINT note_sizes CHECK ((length(sealed) <= 20000))
);

ALTER TABLE ONLY medical.note FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.occupancy (
    tenant_id text NOT NULL,
    resource_id uuid NOT NULL,
    slot_id uuid NOT NULL,
    during tstzrange NOT NULL
);

ALTER TABLE ONLY medical.occupancy FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.person_key (
    tenant_id text NOT NULL,
    person uuid NOT NULL,
    master text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT person_key_sizes CHECK ((((length(master) >= 1) AND (length(master) <= 60)) AND ((length(wrapped) >= 32) AND (length(wrapped) <= 200))))
);

ALTER TABLE ONLY medical.person_key FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.place (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    code text NOT NULL,
    name jsonb NOT NULL,
    street text NOT NULL,
    postal_code text NOT NULL,
    locality text NOT NULL,
    country text NOT NULL,
    latitude double precision,
    longitude double precision,
    zone text NOT NULL,
    phone text DEFAULT ''::text NOT NULL,
    directions jsonb DEFAULT '{}'::jsonb NOT NULL,
    opening jsonb DEFAULT '[]'::jsonb NOT NULL,
    door_code text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT place_position CHECK ((((latitude IS NULL) = (longitude IS NULL)) AND ((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision)) AND ((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))),
    CONSTRAINT place_sizes CHECK ((((length(code) >= 1) AND (length(code) <= 60)) AND (length(street) <= 200) AND (length(postal_code) <= 20) AND (length(locality) <= 100) AND (length(country) = 2) AND (length(zone) <= 60) AND (length(phone) <= 40) AND ((length(door_code) >= 8) AND (length(door_code) <= 64)))),
    CONSTRAINT place_texts CHECK (((jsonb_typeof(name) = 'object'::text) AND (jsonb_typeof(directions) = 'object'::text) AND (jsonb_typeof(opening) = 'array'::text)))
);

ALTER TABLE ONLY medical.place FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.practitioner (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    specialty jsonb DEFAULT '{}'::jsonb NOT NULL,
    languages text[] DEFAULT '{}'::text[] NOT NULL,
    person uuid,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT practitioner_sizes CHECK ((((length(code) >= 1) AND (length(code) <= 60)) AND ((length(name) >= 1) AND (length(name) <= 200)) AND (cardinality(languages) <= 20)))
);

ALTER TABLE ONLY medical.practitioner FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.resource (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    place_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    CONSTRAINT resource_sizes CHECK ((((length(kind) >= 1) AND (length(kind) <= 60)) AND ((length(name) >= 1) AND (length(name) <= 100))))
);

ALTER TABLE ONLY medical.resource FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.schedule (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    place_id uuid NOT NULL,
    practitioner_id uuid,
    origin text NOT NULL,
    feed_key text,
    visit_types text[] NOT NULL,
    rrule text DEFAULT ''::text NOT NULL,
    time_from time without time zone,
    time_until time without time zone,
    slot_minutes integer NOT NULL,
    capacity integer DEFAULT 1 NOT NULL,
    starts_on date NOT NULL,
    ends_on date,
    made_until date,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT schedule_origin_known CHECK (((origin = ANY (ARRAY['plan'::text, 'feed'::text, 'desk'::text])) AND ((origin = 'feed'::text) = (feed_key IS NOT NULL)))),
    CONSTRAINT schedule_plan_complete CHECK (((origin <> 'plan'::text) OR ((rrule <> ''::text) AND (time_from IS NOT NULL) AND (time_until > time_from)))),
    CONSTRAINT schedule_sizes CHECK ((((slot_minutes >= 1) AND (slot_minutes <= 1440)) AND ((capacity >= 1) AND (capacity <= 1000)) AND (length(rrule) <= 500) AND ((cardinality(visit_types) >= 0) AND (cardinality(visit_types) <= 50)) AND (COALESCE(ends_on, starts_on) >= starts_on)))
);

ALTER TABLE ONLY medical.schedule FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.slot (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    place_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    practitioner_id uuid,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    capacity integer NOT NULL,
    booked integer DEFAULT 0 NOT NULL,
    spare boolean DEFAULT true NOT NULL,
    open boolean DEFAULT true NOT NULL,
    hold_case uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    hold_until timestamp with time zone[] DEFAULT '{}'::timestamp with time zone[] NOT NULL,
    feed_key text,
    CONSTRAINT slot_holds CHECK (((cardinality(hold_case) = cardinality(hold_until)) AND (cardinality(hold_case) <= 2000))),
    CONSTRAINT slot_not_overbooked CHECK (((booked >= 0) AND (booked <= capacity))),
    CONSTRAINT slot_spare_true CHECK ((spare = (booked < capacity))),
    CONSTRAINT slot_times CHECK (((ends_at > starts_at) AND (ends_at <= (starts_at + '1 day'::interval))))
);

ALTER TABLE ONLY medical.slot FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.task (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    facility text NOT NULL,
    kind text NOT NULL,
    slot_id uuid,
    case_id uuid,
    schedule_id uuid,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    done_by uuid,
    how text,
    CONSTRAINT task_done CHECK (((done_at IS NULL) = (how IS NULL))),
    CONSTRAINT task_how_known CHECK ((how = ANY (ARRAY['moved'::text, 'called-off'::text, 'kept'::text, 'settled'::text]))),
    CONSTRAINT task_kind_known CHECK ((kind = ANY (ARRAY['slot-gone'::text, 'blocked'::text, 'overlap'::text, 'feed-gone'::text])))
);

ALTER TABLE ONLY medical.task FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.visit_type (
    tenant_id text NOT NULL,
    code text NOT NULL,
    service text NOT NULL,
    name jsonb NOT NULL,
    minutes integer NOT NULL,
    level text NOT NULL,
    min_age integer,
    max_age integer,
    preparation jsonb DEFAULT '{}'::jsonb NOT NULL,
    bring jsonb DEFAULT '{}'::jsonb NOT NULL,
    needs text[] DEFAULT '{}'::text[] NOT NULL,
    cancel_hours integer DEFAULT 0 NOT NULL,
    coding jsonb,
    active boolean DEFAULT true NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT visit_type_ages CHECK ((((min_age >= 0) AND (min_age <= 150)) AND ((max_age >= 0) AND (max_age <= 150)) AND (COALESCE(min_age, 0) <= COALESCE(max_age, 150)))),
    CONSTRAINT visit_type_level CHECK ((level = ANY (ARRAY['low'::text, 'substantial'::text, 'high'::text]))),
    CONSTRAINT visit_type_sizes CHECK ((((length(code) >= 1) AND (length(code) <= 60)) AND ((length(service) >= 1) AND (length(service) <= 60)) AND ((minutes >= 1) AND (minutes <= 1440)) AND (cardinality(needs) <= 10) AND ((cancel_hours >= 0) AND (cancel_hours <= 720))))
);

ALTER TABLE ONLY medical.visit_type FORCE ROW LEVEL SECURITY;

CREATE TABLE medical.waiting (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    visit_type text NOT NULL,
    facility text NOT NULL,
    place_id uuid,
    from_day date NOT NULL,
    until_day date NOT NULL,
    part text NOT NULL,
    state text NOT NULL,
    offered_slot uuid,
    offer_until timestamp with time zone,
    offers integer DEFAULT 0 NOT NULL,
    joined_at timestamp with time zone NOT NULL,
    CONSTRAINT waiting_days CHECK ((until_day >= from_day)),
    CONSTRAINT waiting_offer CHECK ((((state = 'offered'::text) = (offered_slot IS NOT NULL)) AND ((offered_slot IS NULL) = (offer_until IS NULL)))),
    CONSTRAINT waiting_part_known CHECK ((part = ANY (ARRAY['any'::text, 'morning'::text, 'afternoon'::text]))),
    CONSTRAINT waiting_state_known CHECK ((state = ANY (ARRAY['waiting'::text, 'offered'::text, 'ended'::text])))
);

ALTER TABLE ONLY medical.waiting FORCE ROW LEVEL SECURITY;

CREATE TABLE notify.delivery (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    channel text NOT NULL,
    outcome text NOT NULL,
    attempt integer NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT delivery_attempt_counts CHECK ((attempt >= 1)),
    CONSTRAINT delivery_channel_known CHECK ((channel = ANY (ARRAY['webhook'::text, 'email'::text]))),
    CONSTRAINT delivery_outcome_known CHECK ((outcome = ANY (ARRAY['delivered'::text, 'refused'::text, 'no-address'::text])))
);

ALTER TABLE ONLY notify.delivery FORCE ROW LEVEL SECURITY;

CREATE TABLE notify.message (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    person uuid NOT NULL,
    case_id uuid NOT NULL,
    service text NOT NULL,
    number text NOT NULL,
    notice text NOT NULL,
    title jsonb NOT NULL,
    body jsonb NOT NULL,
    path text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    read_at timestamp with time zone,
    CONSTRAINT message_path_local CHECK ((path ~ '^/([^/\\]|$)'::text)),
    CONSTRAINT message_texts CHECK (((jsonb_typeof(title) = 'object'::text) AND (jsonb_typeof(body) = 'object'::text))),
    CONSTRAINT message_times_in_order CHECK (((read_at IS NULL) OR (read_at >= created_at)))
);

ALTER TABLE ONLY notify.message FORCE ROW LEVEL SECURITY;

CREATE TABLE partners.announcement (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    app text NOT NULL,
    agency text NOT NULL,
    heading jsonb NOT NULL,
    body jsonb NOT NULL,
    by uuid NOT NULL,
    by_name text NOT NULL,
    at timestamp with time zone NOT NULL,
    reached integer DEFAULT 0 NOT NULL,
    CONSTRAINT announcement_sizes CHECK (((jsonb_typeof(heading) = 'object'::text) AND (jsonb_typeof(body) = 'object'::text) AND (pg_column_size(heading) <= 4096) AND (pg_column_size(body) <= 65536) AND (length(by_name) <= 200) AND (reached >= 0)))
);

ALTER TABLE ONLY partners.announcement FORCE ROW LEVEL SECURITY;

CREATE TABLE partners.app (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    partner uuid NOT NULL,
    template text NOT NULL,
    blanks jsonb NOT NULL,
    slug text,
    hash text,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT app_made_whole CHECK (((slug IS NULL) = (hash IS NULL))),
    CONSTRAINT app_sizes CHECK (((pg_column_size(blanks) <= 262144) AND (jsonb_typeof(blanks) = 'object'::text) AND (length(template) <= 60))),
    CONSTRAINT app_version_counts CHECK ((version >= 1))
);

ALTER TABLE ONLY partners.app FORCE ROW LEVEL SECURITY;

CREATE TABLE partners.definition (
    tenant_id text NOT NULL,
    slug text NOT NULL,
    hash text NOT NULL,
    files jsonb NOT NULL,
    made_by uuid NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT definition_sizes CHECK (((hash ~ '^[0-9a-f]{64}$'::text) AND (jsonb_typeof(files) = 'object'::text)))
);

ALTER TABLE ONLY partners.definition FORCE ROW LEVEL SECURITY;

CREATE TABLE partners.partner (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    agency text NOT NULL,
    state text NOT NULL,
    kind text NOT NULL,
    name jsonb NOT NULL,
    registration text NOT NULL,
    licence text DEFAULT ''::text NOT NULL,
    licence_until date,
    categories text[] NOT NULL,
    purposes text[] NOT NULL,
    email text NOT NULL,
    address text NOT NULL,
    latitude double precision,
    longitude double precision,
    representative uuid NOT NULL,
    sign_in jsonb DEFAULT '{}'::jsonb NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    version integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT partner_kind_known CHECK ((kind = ANY (ARRAY['public-body'::text, 'company'::text]))),
    CONSTRAINT partner_licence_of_companies CHECK ((((kind = 'company'::text) = (licence_until IS NOT NULL)) AND ((kind = 'company'::text) = (licence <> ''::text)))),
    CONSTRAINT partner_position_whole CHECK ((((latitude IS NULL) = (longitude IS NULL)) AND ((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision)) AND ((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))),
    CONSTRAINT partner_reason_given CHECK (((state = 'suspended'::text) = (reason <> ''::text))),
    CONSTRAINT partner_sizes CHECK (((agency ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'::text) AND (length(agency) <= 31) AND (jsonb_typeof(name) = 'object'::text) AND (jsonb_typeof(sign_in) = 'object'::text) AND (pg_column_size(name) <= 4096) AND (pg_column_size(sign_in) <= 8192) AND (length(reason) <= 500) AND ((cardinality(categories) >= 1) AND (cardinality(categories) <= 20)) AND ((cardinality(purposes) >= 1) AND (cardinality(purposes) <= 20)))),
    CONSTRAINT partner_state_known CHECK ((state = ANY (ARRAY['applied'::text, 'approved'::text, 'active'::text, 'suspended'::text, 'dropped'::text]))),
    CONSTRAINT partner_version_counts CHECK ((version >= 1))
);

ALTER TABLE ONLY partners.partner FORCE ROW LEVEL SECURITY;

CREATE TABLE partners.slug (
    slug text NOT NULL,
    tenant text NOT NULL,
    CONSTRAINT slug_shape CHECK (((slug ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'::text) AND ((length(slug) >= 3) AND (length(slug) <= 60))))
);

CREATE TABLE partners.turn (
    tenant text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT turn_counts CHECK ((n >= 1))
);

CREATE TABLE payments.account (
    tenant_id text NOT NULL,
    code text NOT NULL,
    currency text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT account_code CHECK (((kind = ANY (ARRAY['provider'::text, 'payee'::text])) AND (code ~~ (kind || ':_%'::text)) AND (length(code) <= 80) AND (currency ~ '^[A-Z]{3}$'::text)))
);

ALTER TABLE ONLY payments.account FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.difference (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    provider text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    day date NOT NULL,
    payment_id uuid,
    reference text NOT NULL,
    ours bigint,
    theirs bigint,
    currency text NOT NULL,
    found_at timestamp with time zone NOT NULL,
    settled_at timestamp with time zone,
    settled_by uuid,
    settlement text,
    CONSTRAINT difference_kind CHECK ((kind = ANY (ARRAY['amount'::text, 'currency'::text, 'order-refused'::text, 'contradiction'::text, 'missing-here'::text, 'missing-there'::text]))),
    CONSTRAINT difference_settled CHECK ((((settled_at IS NULL) = (settled_by IS NULL)) AND ((settled_at IS NULL) = (settlement IS NULL)))),
    CONSTRAINT difference_sizes CHECK ((((length(key) >= 1) AND (length(key) <= 255)) AND (length(reference) <= 255) AND (length(currency) <= 3) AND (length(settlement) <= 2000)))
);

ALTER TABLE ONLY payments.difference FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.order_line (
    tenant_id text NOT NULL,
    order_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    line text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT order_line_amount CHECK ((amount > 0))
);

ALTER TABLE ONLY payments.order_line FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.payment (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    case_id uuid NOT NULL,
    person uuid NOT NULL,
    provider text NOT NULL,
    number text NOT NULL,
    title jsonb NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    until timestamp with time zone NOT NULL,
    return_path text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    reference text,
    pay_url text,
    failed_at timestamp with time zone,
    failed_reason text,
    authorized_at timestamp with time zone,
    captured_at timestamp with time zone,
    voided_at timestamp with time zone,
    locale text DEFAULT ''::text NOT NULL,
    CONSTRAINT payment_amount CHECK (((amount > 0) AND (currency ~ '^[A-Z]{3}$'::text))),
    CONSTRAINT payment_begun CHECK (((reference IS NULL) = (pay_url IS NULL))),
    CONSTRAINT payment_failed CHECK (((failed_at IS NULL) = (failed_reason IS NULL))),
    CONSTRAINT payment_locale_check CHECK ((length(locale) <= 10)),
    CONSTRAINT payment_return CHECK ((return_path ~ '^/([^/\\]|$)'::text)),
    CONSTRAINT payment_sizes CHECK (((jsonb_typeof(title) = 'object'::text) AND ((length(provider) >= 1) AND (length(provider) <= 60)) AND ((length(number) >= 1) AND (length(number) <= 40)) AND ((length(reference) >= 1) AND (length(reference) <= 255)) AND (length(pay_url) <= 2000) AND (length(failed_reason) <= 60) AND (length(return_path) <= 500)))
);

ALTER TABLE ONLY payments.payment FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.payment_line (
    tenant_id text NOT NULL,
    payment_id uuid NOT NULL,
    name text NOT NULL,
    "position" integer NOT NULL,
    payee text NOT NULL,
    title jsonb NOT NULL,
    amount bigint NOT NULL,
    taken bigint,
    promised bigint DEFAULT 0 NOT NULL,
    CONSTRAINT payment_line_amounts CHECK (((amount > 0) AND ((taken >= 0) AND (taken <= amount)) AND ((promised >= 0) AND (promised <= COALESCE(taken, (0)::bigint))))),
    CONSTRAINT payment_line_sizes CHECK (((jsonb_typeof(title) = 'object'::text) AND ((length(name) >= 1) AND (length(name) <= 60)) AND ((length(payee) >= 1) AND (length(payee) <= 60))))
);

ALTER TABLE ONLY payments.payment_line FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.payment_order (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    payment_id uuid NOT NULL,
    key text NOT NULL,
    kind text NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    sent_at timestamp with time zone,
    done_at timestamp with time zone,
    failed_at timestamp with time zone,
    CONSTRAINT payment_order_facts CHECK (((kind = 'refund'::text) OR ((done_at IS NULL) AND (failed_at IS NULL)))),
    CONSTRAINT payment_order_kind CHECK (((kind = ANY (ARRAY['capture'::text, 'void'::text, 'refund'::text])) AND ((kind = 'void'::text) = (amount = 0)) AND (amount >= 0))),
    CONSTRAINT payment_order_sizes CHECK ((((length(key) >= 1) AND (length(key) <= 100)) AND (length(reason) <= 60)))
);

ALTER TABLE ONLY payments.payment_order FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.provider_event (
    tenant_id text NOT NULL,
    provider text NOT NULL,
    event_id text NOT NULL,
    kind text NOT NULL,
    payment_id uuid NOT NULL,
    order_id uuid,
    amount bigint NOT NULL,
    currency text NOT NULL,
    reason text NOT NULL,
    refused text,
    at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    CONSTRAINT provider_event_sizes CHECK ((((length(event_id) >= 1) AND (length(event_id) <= 255)) AND ((length(kind) >= 1) AND (length(kind) <= 60)) AND (length(currency) <= 3) AND (length(reason) <= 60) AND (length(refused) <= 60)))
);

ALTER TABLE ONLY payments.provider_event FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.reconciliation (
    tenant_id text NOT NULL,
    provider text NOT NULL,
    day date NOT NULL,
    theirs integer NOT NULL,
    ours integer NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT reconciliation_counts CHECK (((theirs >= 0) AND (ours >= 0)))
);

ALTER TABLE ONLY payments.reconciliation FORCE ROW LEVEL SECURITY;

CREATE TABLE payments.transfer (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    debit text NOT NULL,
    credit text NOT NULL,
    currency text NOT NULL,
    amount bigint NOT NULL,
    resolves uuid,
    resolves_kind text,
    resolves_amount bigint,
    payment_id uuid NOT NULL,
    line text NOT NULL,
    order_id uuid,
    at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT transfer_amount CHECK (((amount > 0) AND (debit <> credit))),
    CONSTRAINT transfer_kind CHECK ((kind = ANY (ARRAY['single'::text, 'pending'::text, 'post'::text, 'void'::text]))),
    CONSTRAINT transfer_resolution CHECK ((((kind = ANY (ARRAY['post'::text, 'void'::text])) = (resolves IS NOT NULL)) AND ((resolves IS NULL) = (resolves_kind IS NULL)) AND ((resolves IS NULL) = (resolves_amount IS NULL)) AND (resolves_kind = 'pending'::text) AND (amount <= resolves_amount) AND ((kind <> 'void'::text) OR (amount = resolves_amount))))
);

ALTER TABLE ONLY payments.transfer FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.boarding (
    tenant_id text NOT NULL,
    code text NOT NULL,
    scan uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    by uuid,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY travel.boarding FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.booking (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    number text NOT NULL,
    service text NOT NULL,
    operator text NOT NULL,
    state text NOT NULL,
    departure_id uuid NOT NULL,
    from_seq integer NOT NULL,
    to_seq integer NOT NULL,
    departs_at timestamp with time zone NOT NULL,
    arrives_at timestamp with time zone NOT NULL,
    hold_until timestamp with time zone,
    applicant uuid NOT NULL,
    locale text NOT NULL,
    insured boolean DEFAULT false NOT NULL,
    currency text NOT NULL,
    fare bigint NOT NULL,
    insurance bigint DEFAULT 0 NOT NULL,
    rules jsonb NOT NULL,
    given_back bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT booking_amounts CHECK (((fare >= 0) AND (insurance >= 0) AND (given_back >= 0) AND (length(currency) = 3))),
    CONSTRAINT booking_hold CHECK (((hold_until IS NULL) OR (state = ANY (ARRAY['draft'::text, 'paying'::text])))),
    CONSTRAINT booking_ride CHECK (((to_seq > from_seq) AND (arrives_at >= departs_at))),
    CONSTRAINT booking_state_known CHECK ((state = ANY (ARRAY['draft'::text, 'paying'::text, 'booked'::text, 'travelled'::text, 'cancelled'::text, 'lapsed'::text, 'called-off'::text])))
);

ALTER TABLE ONLY travel.booking FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.change (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    payment_id uuid NOT NULL,
    departure_id uuid NOT NULL,
    from_seq integer NOT NULL,
    to_seq integer NOT NULL,
    fare bigint NOT NULL,
    seats jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY travel.change FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.charge (
    tenant_id text NOT NULL,
    payment_id uuid NOT NULL,
    case_id uuid NOT NULL,
    purpose text NOT NULL,
    state text NOT NULL,
    fare bigint NOT NULL,
    insurance bigint NOT NULL,
    fare_back bigint DEFAULT 0 NOT NULL,
    insurance_back bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT charge_amounts CHECK (((fare >= 0) AND (insurance >= 0) AND ((fare + insurance) > 0) AND ((fare_back >= 0) AND (fare_back <= fare)) AND ((insurance_back >= 0) AND (insurance_back <= insurance)) AND ((state = 'placed'::text) OR ((fare_back + insurance_back) = 0)))),
    CONSTRAINT charge_known CHECK (((purpose = ANY (ARRAY['booking'::text, 'change'::text])) AND (state = ANY (ARRAY['open'::text, 'placed'::text, 'void'::text]))))
);

ALTER TABLE ONLY travel.charge FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.conflict (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    operator text NOT NULL,
    departure_id uuid NOT NULL,
    feed uuid NOT NULL,
    kind text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    done_by uuid,
    how text,
    CONSTRAINT conflict_done CHECK (((done_at IS NULL) = (how IS NULL))),
    CONSTRAINT conflict_how_known CHECK ((how = ANY (ARRAY['kept'::text, 'moved'::text, 'called-off'::text, 'settled'::text]))),
    CONSTRAINT conflict_kind_known CHECK ((kind = ANY (ARRAY['gone'::text, 'changed'::text])))
);

ALTER TABLE ONLY travel.conflict FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.departure (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    operator text NOT NULL,
    feed uuid NOT NULL,
    trip integer NOT NULL,
    trip_key text NOT NULL,
    service_date date NOT NULL,
    base_at timestamp with time zone NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL,
    layout text DEFAULT ''::text NOT NULL,
    state text DEFAULT 'scheduled'::text NOT NULL,
    offered boolean DEFAULT true NOT NULL,
    claimed boolean DEFAULT false NOT NULL,
    CONSTRAINT departure_sizes CHECK ((((length(trip_key) >= 1) AND (length(trip_key) <= 210)) AND (length(layout) <= 60))),
    CONSTRAINT departure_state_known CHECK ((state = ANY (ARRAY['scheduled'::text, 'called-off'::text]))),
    CONSTRAINT departure_times CHECK (((starts_at >= base_at) AND (ends_at >= starts_at)))
);

ALTER TABLE ONLY travel.departure FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.stop (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    operator text NOT NULL,
    code text NOT NULL,
    station_id uuid NOT NULL,
    kind smallint NOT NULL,
    name jsonb NOT NULL,
    folded text NOT NULL,
    sign text DEFAULT ''::text NOT NULL,
    platform text DEFAULT ''::text NOT NULL,
    fare_zone text DEFAULT ''::text NOT NULL,
    latitude double precision,
    longitude double precision,
    zone text NOT NULL,
    wheelchair smallint NOT NULL,
    active boolean DEFAULT true NOT NULL,
    CONSTRAINT stop_position CHECK ((((latitude IS NULL) = (longitude IS NULL)) AND ((latitude >= ('-90'::integer)::double precision) AND (latitude <= (90)::double precision)) AND ((longitude >= ('-180'::integer)::double precision) AND (longitude <= (180)::double precision)))),
    CONSTRAINT stop_sizes CHECK ((((length(code) >= 1) AND (length(code) <= 200)) AND (length(sign) <= 60) AND (length(platform) <= 60) AND (length(fare_zone) <= 200) AND ((length(zone) >= 1) AND (length(zone) <= 60)))),
    CONSTRAINT stop_values CHECK ((((kind >= 0) AND (kind <= 4)) AND ((wheelchair >= 0) AND (wheelchair <= 2)) AND (jsonb_typeof(name) = 'object'::text)))
);

ALTER TABLE ONLY travel.stop FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.stop_time (
    tenant_id text NOT NULL,
    feed uuid NOT NULL,
    trip integer NOT NULL,
    seq smallint NOT NULL,
    stop_id uuid NOT NULL,
    arrives integer NOT NULL,
    departs integer NOT NULL,
    pickup smallint NOT NULL,
    drop_off smallint NOT NULL,
    estimated boolean DEFAULT false NOT NULL,
    CONSTRAINT stop_time_values CHECK (((seq >= 0) AND (arrives >= 0) AND (departs >= arrives) AND ((pickup >= 0) AND (pickup <= 3)) AND ((drop_off >= 0) AND (drop_off <= 3))))
);

ALTER TABLE ONLY travel.stop_time FORCE ROW LEVEL SECURITY;

CREATE VIEW travel.departure_call WITH (security_invoker='true') AS
 SELECT d.tenant_id,
    d.id AS departure_id,
    t.seq,
    t.stop_id,
    s.station_id,
    s.name AS stop_name,
    s.zone,
    s.fare_zone,
    (d.base_at + ((t.arrives)::double precision * '00:00:01'::interval)) AS arrives_at,
    (d.base_at + ((t.departs)::double precision * '00:00:01'::interval)) AS departs_at,
    (t.pickup <> 1) AS pickup,
    (t.drop_off <> 1) AS drop_off,
    t.estimated
   FROM ((travel.departure d
     JOIN travel.stop_time t ON (((t.tenant_id = d.tenant_id) AND (t.feed = d.feed) AND (t.trip = d.trip))))
     JOIN travel.stop s ON (((s.tenant_id = t.tenant_id) AND (s.id = t.stop_id))));

CREATE TABLE travel.fare_table (
    tenant_id text NOT NULL,
    operator text NOT NULL,
    code text NOT NULL,
    service text NOT NULL,
    routes text[] DEFAULT '{}'::text[] NOT NULL,
    form jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT fare_table_sizes CHECK ((((length(operator) >= 1) AND (length(operator) <= 60)) AND ((length(code) >= 1) AND (length(code) <= 60)) AND ((length(service) >= 1) AND (length(service) <= 60)) AND (cardinality(routes) <= 500) AND (length((form)::text) <= 2000000)))
);

ALTER TABLE ONLY travel.fare_table FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.feed (
    tenant_id text NOT NULL,
    id uuid NOT NULL,
    operator text NOT NULL,
    version integer NOT NULL,
    active boolean NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    publisher text DEFAULT ''::text NOT NULL,
    feed_version text DEFAULT ''::text NOT NULL,
    zone text NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    longest integer NOT NULL,
    made_until date NOT NULL,
    fares jsonb DEFAULT '[]'::jsonb NOT NULL,
    counts jsonb NOT NULL,
    actor uuid,
    imported_at timestamp with time zone NOT NULL,
    CONSTRAINT feed_days CHECK ((last_day >= first_day)),
    CONSTRAINT feed_sizes CHECK (((version > 0) AND (length(name) <= 200) AND (length(sha256) = 32) AND ((length(zone) >= 1) AND (length(zone) <= 60)) AND ((longest >= 0) AND (longest <= 2000000)) AND (length(publisher) <= 200) AND (length(feed_version) <= 200) AND (jsonb_typeof(fares) = 'array'::text)))
);

ALTER TABLE ONLY travel.feed FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.layout (
    tenant_id text NOT NULL,
    operator text NOT NULL,
    code text NOT NULL,
    form jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT layout_sizes CHECK ((((length(operator) >= 1) AND (length(operator) <= 60)) AND ((length(code) >= 1) AND (length(code) <= 60)) AND (length((form)::text) <= 200000)))
);

ALTER TABLE ONLY travel.layout FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.moved (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    departure_id uuid NOT NULL,
    from_stop uuid NOT NULL,
    to_stop uuid NOT NULL,
    departs_at timestamp with time zone NOT NULL,
    arrives_at timestamp with time zone NOT NULL,
    seats jsonb DEFAULT '[]'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    done_at timestamp with time zone,
    CONSTRAINT moved_times CHECK ((arrives_at >= departs_at))
);

ALTER TABLE ONLY travel.moved FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.occupancy (
    tenant_id text NOT NULL,
    departure_id uuid NOT NULL,
    place text NOT NULL,
    segment integer NOT NULL,
    case_id uuid NOT NULL,
    hold_until timestamp with time zone,
    CONSTRAINT occupancy_sizes CHECK ((((length(place) >= 1) AND (length(place) <= 6)) AND ((segment >= 0) AND (segment <= 999))))
);

ALTER TABLE ONLY travel.occupancy FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.operator (
    tenant_id text NOT NULL,
    id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT operator_sizes CHECK (((length(id) >= 1) AND (length(id) <= 60)))
);

ALTER TABLE ONLY travel.operator FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.passenger (
    tenant_id text NOT NULL,
    case_id uuid NOT NULL,
    n integer NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    birthdate date,
    declared boolean DEFAULT false NOT NULL,
    self boolean DEFAULT false NOT NULL,
    kind text DEFAULT 'seat'::text NOT NULL,
    bicycle boolean DEFAULT false NOT NULL,
    class text DEFAULT 'adult'::text NOT NULL,
    proof boolean DEFAULT false NOT NULL,
    fare bigint DEFAULT 0 NOT NULL,
    place text NOT NULL,
    bicycle_place text DEFAULT ''::text NOT NULL,
    CONSTRAINT passenger_known CHECK (((kind = ANY (ARRAY['seat'::text, 'wheelchair'::text])) AND (class = ANY (ARRAY['adult'::text, 'child'::text, 'senior'::text, 'concession'::text])))),
    CONSTRAINT passenger_sizes CHECK (((length(name) <= 200) AND ((n >= 1) AND (n <= 20)) AND (fare >= 0)))
);

ALTER TABLE ONLY travel.passenger FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.policy (
    tenant_id text NOT NULL,
    number text NOT NULL,
    case_id uuid NOT NULL,
    insurer text NOT NULL,
    state text NOT NULL,
    begins_on date NOT NULL,
    ends_on date NOT NULL,
    voided_on date,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT policy_days CHECK ((begins_on <= ends_on)),
    CONSTRAINT policy_sizes CHECK ((((length(number) >= 8) AND (length(number) <= 40)) AND ((length(insurer) >= 1) AND (length(insurer) <= 60)))),
    CONSTRAINT policy_state_known CHECK (((state = ANY (ARRAY['force'::text, 'void'::text])) AND ((state = 'void'::text) = (voided_on IS NOT NULL))))
);

ALTER TABLE ONLY travel.policy FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.refund (
    tenant_id text NOT NULL,
    payment_id uuid NOT NULL,
    key text NOT NULL,
    case_id uuid NOT NULL,
    reason text NOT NULL,
    fare bigint NOT NULL,
    insurance bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ordered_at timestamp with time zone,
    CONSTRAINT refund_amounts CHECK (((fare >= 0) AND (insurance >= 0) AND ((fare + insurance) > 0)))
);

ALTER TABLE ONLY travel.refund FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.route (
    tenant_id text NOT NULL,
    feed uuid NOT NULL,
    key text NOT NULL,
    agency text DEFAULT ''::text NOT NULL,
    carrier text DEFAULT ''::text NOT NULL,
    short text DEFAULT ''::text NOT NULL,
    name jsonb NOT NULL,
    means text NOT NULL,
    color text DEFAULT ''::text NOT NULL,
    text_color text DEFAULT ''::text NOT NULL,
    CONSTRAINT route_means_known CHECK ((means = ANY (ARRAY['tram'::text, 'metro'::text, 'rail'::text, 'bus'::text, 'coach'::text, 'ferry'::text, 'cable'::text, 'air'::text, 'taxi'::text, 'other'::text]))),
    CONSTRAINT route_sizes CHECK ((((length(key) >= 1) AND (length(key) <= 200)) AND (length(short) <= 60) AND (color ~ '^([0-9a-f]{6})?$'::text) AND (text_color ~ '^([0-9a-f]{6})?$'::text)))
);

ALTER TABLE ONLY travel.route FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.service_day (
    tenant_id text NOT NULL,
    feed uuid NOT NULL,
    service text NOT NULL,
    day date NOT NULL
);

ALTER TABLE ONLY travel.service_day FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.ticket (
    tenant_id text NOT NULL,
    code text NOT NULL,
    case_id uuid NOT NULL,
    n integer NOT NULL,
    departure_id uuid NOT NULL,
    state text NOT NULL,
    used_at timestamp with time zone,
    used_by uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT ticket_sizes CHECK (((length(code) >= 16) AND (length(code) <= 40))),
    CONSTRAINT ticket_state_known CHECK (((state = ANY (ARRAY['valid'::text, 'used'::text, 'void'::text])) AND ((state <> 'used'::text) OR (used_at IS NOT NULL))))
);

ALTER TABLE ONLY travel.ticket FORCE ROW LEVEL SECURITY;

CREATE TABLE travel.trip (
    tenant_id text NOT NULL,
    feed uuid NOT NULL,
    number integer NOT NULL,
    key text NOT NULL,
    route text NOT NULL,
    service text NOT NULL,
    headsign jsonb DEFAULT '{}'::jsonb NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    direction smallint NOT NULL,
    wheelchair smallint NOT NULL,
    bicycle smallint NOT NULL,
    headway integer NOT NULL,
    leaves integer NOT NULL,
    ends integer NOT NULL,
    pattern bytea NOT NULL,
    CONSTRAINT trip_sizes CHECK ((((length(key) >= 1) AND (length(key) <= 210)) AND (length(name) <= 60) AND (length(pattern) = 32))),
    CONSTRAINT trip_values CHECK ((((direction >= 0) AND (direction <= 1)) AND ((wheelchair >= 0) AND (wheelchair <= 2)) AND ((bicycle >= 0) AND (bicycle <= 2)) AND (headway >= 0) AND (ends >= leaves)))
);

ALTER TABLE ONLY travel.trip FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY audit.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY casework."case"
    ADD CONSTRAINT case_number_key UNIQUE (tenant_id, number);

ALTER TABLE ONLY casework."case"
    ADD CONSTRAINT case_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY casework.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (tenant_id, case_id, seq);

ALTER TABLE ONLY catalogue.agency
    ADD CONSTRAINT agency_pkey PRIMARY KEY (tenant_id, agency);

ALTER TABLE ONLY catalogue.filled
    ADD CONSTRAINT filled_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY catalogue.log_hash
    ADD CONSTRAINT log_hash_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY catalogue.log_head
    ADD CONSTRAINT log_head_pkey PRIMARY KEY (size);

ALTER TABLE ONLY catalogue.log_record
    ADD CONSTRAINT log_record_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY catalogue.log_record
    ADD CONSTRAINT log_record_version UNIQUE (tenant, app_id, code);

ALTER TABLE ONLY catalogue.offer
    ADD CONSTRAINT offer_pkey PRIMARY KEY (tenant_id, slug);

ALTER TABLE ONLY catalogue.release_change
    ADD CONSTRAINT release_change_pkey PRIMARY KEY (tenant_id, app, version);

ALTER TABLE ONLY catalogue.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (tenant_id, app);

ALTER TABLE ONLY catalogue.said
    ADD CONSTRAINT said_pkey PRIMARY KEY (slug, lang);

ALTER TABLE ONLY catalogue.tester
    ADD CONSTRAINT tester_pkey PRIMARY KEY (tenant_id, app, who);

ALTER TABLE ONLY catalogue.word
    ADD CONSTRAINT word_pkey PRIMARY KEY (word);

ALTER TABLE ONLY documents.document_check
    ADD CONSTRAINT document_check_pkey PRIMARY KEY (tenant_id, document_id, hour, how, share_id);

ALTER TABLE ONLY documents.document
    ADD CONSTRAINT document_code_once UNIQUE (tenant_id, code);

ALTER TABLE ONLY documents.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_hash_once UNIQUE (tenant_id, sha256);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_pkey PRIMARY KEY (tenant_id, document_id, revision);

ALTER TABLE ONLY documents.halt
    ADD CONSTRAINT halt_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_token_once UNIQUE (tenant_id, token_hash);

ALTER TABLE ONLY identity.consent
    ADD CONSTRAINT consent_pkey PRIMARY KEY (tenant_id, person_id, app);

ALTER TABLE ONLY identity.login
    ADD CONSTRAINT login_pkey PRIMARY KEY (tenant_id, state_hash);

ALTER TABLE ONLY identity.logout_token
    ADD CONSTRAINT logout_token_pkey PRIMARY KEY (tenant_id, issuer, jti_hash);

ALTER TABLE ONLY identity.person
    ADD CONSTRAINT person_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.person
    ADD CONSTRAINT person_subject_key UNIQUE (tenant_id, issuer, subject);

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_token_key UNIQUE (tenant_id, token_hash);

ALTER TABLE ONLY kernel.effect
    ADD CONSTRAINT effect_key UNIQUE (tenant_id, name, key);

ALTER TABLE ONLY kernel.effect
    ADD CONSTRAINT effect_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY kernel.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (tenant_id, principal, operation, key);

ALTER TABLE ONLY medical.appointment
    ADD CONSTRAINT appointment_calendar_key UNIQUE (tenant_id, calendar_token);

ALTER TABLE ONLY medical.appointment
    ADD CONSTRAINT appointment_pkey PRIMARY KEY (tenant_id, case_id);

ALTER TABLE ONLY medical.confirmation
    ADD CONSTRAINT confirmation_pkey PRIMARY KEY (tenant_id, number);

ALTER TABLE ONLY medical.exception
    ADD CONSTRAINT exception_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.facility
    ADD CONSTRAINT facility_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.holiday
    ADD CONSTRAINT holiday_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.import
    ADD CONSTRAINT import_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.note
    ADD CONSTRAINT note_pkey PRIMARY KEY (tenant_id, case_id, kind);

ALTER TABLE ONLY medical.occupancy
    ADD CONSTRAINT occupancy_free EXCLUDE USING gist (tenant_id WITH =, resource_id WITH =, during WITH &&);

ALTER TABLE ONLY medical.occupancy
    ADD CONSTRAINT occupancy_pkey PRIMARY KEY (tenant_id, resource_id, slot_id);

ALTER TABLE ONLY medical.person_key
    ADD CONSTRAINT person_key_pkey PRIMARY KEY (tenant_id, person);

ALTER TABLE ONLY medical.place
    ADD CONSTRAINT place_code_key UNIQUE (tenant_id, facility, code);

ALTER TABLE ONLY medical.place
    ADD CONSTRAINT place_door_key UNIQUE (tenant_id, door_code);

ALTER TABLE ONLY medical.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.practitioner
    ADD CONSTRAINT practitioner_code_key UNIQUE (tenant_id, facility, code);

ALTER TABLE ONLY medical.practitioner
    ADD CONSTRAINT practitioner_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.resource
    ADD CONSTRAINT resource_name_key UNIQUE (tenant_id, place_id, name);

ALTER TABLE ONLY medical.resource
    ADD CONSTRAINT resource_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.schedule
    ADD CONSTRAINT schedule_feed_key UNIQUE (tenant_id, facility, feed_key);

ALTER TABLE ONLY medical.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.slot
    ADD CONSTRAINT slot_once UNIQUE (tenant_id, schedule_id, starts_at);

ALTER TABLE ONLY medical.slot
    ADD CONSTRAINT slot_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.slot
    ADD CONSTRAINT slot_practitioner_free EXCLUDE USING gist (tenant_id WITH =, practitioner_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE ((practitioner_id IS NOT NULL));

ALTER TABLE ONLY medical.task
    ADD CONSTRAINT task_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY medical.visit_type
    ADD CONSTRAINT visit_type_pkey PRIMARY KEY (tenant_id, code);

ALTER TABLE ONLY medical.waiting
    ADD CONSTRAINT waiting_pkey PRIMARY KEY (tenant_id, case_id);

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_once_per_channel UNIQUE (tenant_id, message_id, channel);

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY notify.message
    ADD CONSTRAINT message_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY partners.announcement
    ADD CONSTRAINT announcement_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY partners.app
    ADD CONSTRAINT app_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY partners.app
    ADD CONSTRAINT app_slug_once UNIQUE (tenant_id, slug);

ALTER TABLE ONLY partners.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (tenant_id, slug, hash);

ALTER TABLE ONLY partners.partner
    ADD CONSTRAINT partner_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY partners.slug
    ADD CONSTRAINT slug_pkey PRIMARY KEY (slug);

ALTER TABLE ONLY partners.turn
    ADD CONSTRAINT turn_pkey PRIMARY KEY (tenant);

ALTER TABLE ONLY payments.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (tenant_id, code, currency);

ALTER TABLE ONLY payments.difference
    ADD CONSTRAINT difference_once UNIQUE (tenant_id, provider, kind, key);

ALTER TABLE ONLY payments.difference
    ADD CONSTRAINT difference_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY payments.order_line
    ADD CONSTRAINT order_line_pkey PRIMARY KEY (tenant_id, order_id, line);

ALTER TABLE ONLY payments.payment
    ADD CONSTRAINT payment_currency_key UNIQUE (tenant_id, id, currency);

ALTER TABLE ONLY payments.payment_line
    ADD CONSTRAINT payment_line_pkey PRIMARY KEY (tenant_id, payment_id, name);

ALTER TABLE ONLY payments.payment
    ADD CONSTRAINT payment_number_key UNIQUE (tenant_id, number);

ALTER TABLE ONLY payments.payment_order
    ADD CONSTRAINT payment_order_key UNIQUE (tenant_id, payment_id, key);

ALTER TABLE ONLY payments.payment_order
    ADD CONSTRAINT payment_order_of UNIQUE (tenant_id, id, payment_id);

ALTER TABLE ONLY payments.payment_order
    ADD CONSTRAINT payment_order_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY payments.payment
    ADD CONSTRAINT payment_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY payments.payment
    ADD CONSTRAINT payment_reference_key UNIQUE (tenant_id, provider, reference);

ALTER TABLE ONLY payments.provider_event
    ADD CONSTRAINT provider_event_pkey PRIMARY KEY (tenant_id, provider, event_id);

ALTER TABLE ONLY payments.reconciliation
    ADD CONSTRAINT reconciliation_pkey PRIMARY KEY (tenant_id, provider, day);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_resolved_once UNIQUE (tenant_id, resolves);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_whole UNIQUE (tenant_id, id, kind, debit, credit, currency, amount);

ALTER TABLE ONLY travel.boarding
    ADD CONSTRAINT boarding_pkey PRIMARY KEY (tenant_id, code, scan);

ALTER TABLE ONLY travel.booking
    ADD CONSTRAINT booking_pkey PRIMARY KEY (tenant_id, case_id);

ALTER TABLE ONLY travel.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (tenant_id, case_id);

ALTER TABLE ONLY travel.charge
    ADD CONSTRAINT charge_pkey PRIMARY KEY (tenant_id, payment_id);

ALTER TABLE ONLY travel.conflict
    ADD CONSTRAINT conflict_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY travel.departure
    ADD CONSTRAINT departure_once UNIQUE (tenant_id, operator, trip_key, service_date);

ALTER TABLE ONLY travel.departure
    ADD CONSTRAINT departure_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY travel.fare_table
    ADD CONSTRAINT fare_table_pkey PRIMARY KEY (tenant_id, operator, code);

ALTER TABLE ONLY travel.feed
    ADD CONSTRAINT feed_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY travel.feed
    ADD CONSTRAINT feed_version_key UNIQUE (tenant_id, operator, version);

ALTER TABLE ONLY travel.layout
    ADD CONSTRAINT layout_pkey PRIMARY KEY (tenant_id, operator, code);

ALTER TABLE ONLY travel.moved
    ADD CONSTRAINT moved_pkey PRIMARY KEY (tenant_id, case_id);

ALTER TABLE ONLY travel.occupancy
    ADD CONSTRAINT occupancy_pkey PRIMARY KEY (tenant_id, departure_id, place, segment);

ALTER TABLE ONLY travel.operator
    ADD CONSTRAINT operator_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY travel.passenger
    ADD CONSTRAINT passenger_pkey PRIMARY KEY (tenant_id, case_id, n);

ALTER TABLE ONLY travel.policy
    ADD CONSTRAINT policy_pkey PRIMARY KEY (tenant_id, number);

ALTER TABLE ONLY travel.refund
    ADD CONSTRAINT refund_pkey PRIMARY KEY (tenant_id, payment_id, key);

ALTER TABLE ONLY travel.route
    ADD CONSTRAINT route_pkey PRIMARY KEY (tenant_id, feed, key);

ALTER TABLE ONLY travel.service_day
    ADD CONSTRAINT service_day_pkey PRIMARY KEY (tenant_id, feed, day, service);

ALTER TABLE ONLY travel.stop
    ADD CONSTRAINT stop_code_key UNIQUE (tenant_id, operator, code);

ALTER TABLE ONLY travel.stop
    ADD CONSTRAINT stop_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY travel.stop_time
    ADD CONSTRAINT stop_time_pkey PRIMARY KEY (tenant_id, feed, trip, seq);

ALTER TABLE ONLY travel.ticket
    ADD CONSTRAINT ticket_pkey PRIMARY KEY (tenant_id, code);

ALTER TABLE ONLY travel.trip
    ADD CONSTRAINT trip_key_key UNIQUE (tenant_id, key, feed);

ALTER TABLE ONLY travel.trip
    ADD CONSTRAINT trip_pkey PRIMARY KEY (tenant_id, feed, number);

CREATE INDEX entry_case ON audit.entry USING btree (tenant_id, case_id, at, id) WHERE (case_id IS NOT NULL);

CREATE INDEX entry_subject ON audit.entry USING btree (tenant_id, subject, at, id) WHERE (subject IS NOT NULL);

CREATE INDEX case_agency ON casework."case" USING btree (tenant_id, agency, id) WHERE (submitted_at IS NOT NULL);

CREATE INDEX case_applicant ON casework."case" USING btree (tenant_id, applicant, id);

CREATE INDEX case_assignee ON casework."case" USING btree (tenant_id, assignee, id) WHERE ((assignee IS NOT NULL) AND (NOT final));

CREATE INDEX case_open ON casework."case" USING btree (tenant_id, agency, assignee, waiting, id) WHERE ((submitted_at IS NOT NULL) AND (NOT final));

CREATE INDEX case_queue ON casework."case" USING btree (tenant_id, agency, waiting, id) WHERE ((submitted_at IS NOT NULL) AND (NOT final));

CREATE INDEX said_stem ON catalogue.said USING gin (stem) WITH (fastupdate=off);

CREATE INDEX said_word ON catalogue.said USING gin (word) WITH (fastupdate=off);

CREATE INDEX word_slips ON catalogue.word USING gin (slips) WITH (fastupdate=off);

CREATE INDEX word_trigrams ON catalogue.word USING gin (word public.gin_trgm_ops) WITH (fastupdate=off);

CREATE INDEX document_by_agency ON documents.document USING btree (tenant_id, agency, issued_at, id);

CREATE INDEX document_by_case ON documents.document USING btree (tenant_id, case_id, issued_at);

CREATE INDEX document_by_holder ON documents.document USING btree (tenant_id, holder, issued_at);

CREATE INDEX document_check_age ON documents.document_check USING btree (tenant_id, hour);

CREATE INDEX document_not_valid ON documents.document USING btree (tenant_id, status_index) WHERE (state = ANY (ARRAY['revoked'::text, 'superseded'::text]));

CREATE INDEX document_pending ON documents.document USING btree (tenant_id, id) WHERE (state = 'pending'::text);

CREATE UNIQUE INDEX document_reissued_once ON documents.document USING btree (tenant_id, reissue_of);

CREATE UNIQUE INDEX document_status_index_once ON documents.document USING btree (tenant_id, status_index);

CREATE INDEX file_to_renew ON documents.file USING btree (tenant_id, renew_before) WHERE (renew_before IS NOT NULL);

CREATE INDEX share_by_document ON documents.share USING btree (tenant_id, document_id, created_at);

CREATE INDEX login_end_idx ON identity.login USING btree (tenant_id, expires_at);

CREATE INDEX logout_token_end_idx ON identity.logout_token USING btree (tenant_id, expires_at);

CREATE INDEX session_end_idx ON identity.session USING btree (tenant_id, expires_at);

CREATE INDEX session_person_idx ON identity.session USING btree (tenant_id, person_id);

CREATE INDEX session_sid_idx ON identity.session USING btree (tenant_id, issuer, sid) WHERE (sid <> ''::text);

CREATE INDEX session_subject_idx ON identity.session USING btree (tenant_id, issuer, subject);

CREATE INDEX effect_case ON kernel.effect USING btree (tenant_id, case_id, id);

CREATE INDEX effect_next ON kernel.effect USING btree (tenant_id, due_at, not_before, id) WHERE (state = 'open'::text);

CREATE INDEX idempotency_age ON kernel.idempotency USING btree (tenant_id, created_at);

CREATE INDEX appointment_day ON medical.appointment USING btree (tenant_id, facility, starts_at) WHERE (starts_at IS NOT NULL);

CREATE INDEX appointment_mine ON medical.appointment USING btree (tenant_id, applicant, case_id);

CREATE UNIQUE INDEX appointment_same_time ON medical.appointment USING btree (tenant_id, slot_id, applicant, patient_name) WHERE (slot_id IS NOT NULL);

CREATE INDEX exception_time ON medical.exception USING btree (tenant_id, facility, until_at);

CREATE UNIQUE INDEX holiday_once ON medical.holiday USING btree (tenant_id, COALESCE(facility, ''::text), day);

CREATE INDEX occupancy_slot ON medical.occupancy USING btree (tenant_id, slot_id);

CREATE INDEX schedule_visits ON medical.schedule USING gin (visit_types) WHERE active;

CREATE INDEX slot_day ON medical.slot USING btree (tenant_id, facility, starts_at);

CREATE INDEX slot_free ON medical.slot USING btree (tenant_id, schedule_id, starts_at) WHERE (spare AND open);

CREATE INDEX slot_soonest ON medical.slot USING btree (tenant_id, starts_at, id) WHERE (spare AND open);

CREATE UNIQUE INDEX task_once ON medical.task USING btree (tenant_id, kind, COALESCE(slot_id, schedule_id, id), COALESCE(case_id, id)) WHERE ((done_at IS NULL) AND (case_id IS NOT NULL));

CREATE INDEX task_open ON medical.task USING btree (tenant_id, facility, created_at) WHERE (done_at IS NULL);

CREATE INDEX waiting_line ON medical.waiting USING btree (tenant_id, facility, visit_type, joined_at) WHERE (state = 'waiting'::text);

CREATE INDEX message_inbox ON notify.message USING btree (tenant_id, person, created_at, id);

CREATE INDEX message_unread ON notify.message USING btree (tenant_id, person) WHERE (read_at IS NULL);

CREATE INDEX announcement_of_app ON partners.announcement USING btree (tenant_id, app, at);

CREATE INDEX app_of_partner ON partners.app USING btree (tenant_id, partner);

CREATE UNIQUE INDEX partner_agency_once ON partners.partner USING btree (tenant_id, agency) WHERE (state <> 'dropped'::text);

CREATE INDEX partner_of_person ON partners.partner USING btree (tenant_id, representative);

CREATE INDEX difference_day ON payments.difference USING btree (tenant_id, provider, day);

CREATE INDEX difference_open ON payments.difference USING btree (tenant_id, day, id) WHERE (settled_at IS NULL);

CREATE INDEX payment_captured_day ON payments.payment USING btree (tenant_id, provider, captured_at) WHERE (captured_at IS NOT NULL);

CREATE INDEX payment_case ON payments.payment USING btree (tenant_id, case_id, created_at, id);

CREATE INDEX payment_order_done_day ON payments.payment_order USING btree (tenant_id, done_at) WHERE (done_at IS NOT NULL);

CREATE UNIQUE INDEX payment_order_once ON payments.payment_order USING btree (tenant_id, payment_id, kind) WHERE (kind = ANY (ARRAY['capture'::text, 'void'::text]));

CREATE INDEX payment_person ON payments.payment USING btree (tenant_id, person, created_at, id);

CREATE INDEX provider_event_payment ON payments.provider_event USING btree (tenant_id, payment_id, received_at);

CREATE INDEX transfer_day ON payments.transfer USING btree (tenant_id, at, id);

CREATE UNIQUE INDEX transfer_of_order ON payments.transfer USING btree (tenant_id, order_id, line, kind) WHERE (order_id IS NOT NULL);

CREATE UNIQUE INDEX transfer_of_payment ON payments.transfer USING btree (tenant_id, payment_id, line, kind) WHERE (order_id IS NULL);

CREATE INDEX booking_departure ON travel.booking USING btree (tenant_id, departure_id, case_id);

CREATE INDEX booking_mine ON travel.booking USING btree (tenant_id, applicant, case_id);

CREATE INDEX charge_case ON travel.charge USING btree (tenant_id, case_id, payment_id);

CREATE UNIQUE INDEX conflict_open ON travel.conflict USING btree (tenant_id, departure_id) WHERE (done_at IS NULL);

CREATE INDEX conflict_operator ON travel.conflict USING btree (tenant_id, operator, created_at) WHERE (done_at IS NULL);

CREATE INDEX departure_ahead ON travel.departure USING btree (tenant_id, operator, starts_at);

CREATE UNIQUE INDEX departure_trip ON travel.departure USING btree (tenant_id, feed, trip, service_date);

CREATE INDEX departure_withdrawn ON travel.departure USING btree (tenant_id, service_date) WHERE ((NOT offered) OR (state <> 'scheduled'::text));

CREATE UNIQUE INDEX feed_active ON travel.feed USING btree (tenant_id, operator) WHERE active;

CREATE INDEX moved_open ON travel.moved USING btree (tenant_id, departure_id) WHERE (done_at IS NULL);

CREATE INDEX occupancy_case ON travel.occupancy USING btree (tenant_id, case_id);

CREATE INDEX occupancy_lapsed ON travel.occupancy USING btree (tenant_id, hold_until) WHERE (hold_until IS NOT NULL);

CREATE UNIQUE INDEX policy_one ON travel.policy USING btree (tenant_id, case_id);

CREATE INDEX refund_case ON travel.refund USING btree (tenant_id, case_id);

CREATE INDEX stop_searched ON travel.stop USING btree (tenant_id) WHERE (active AND (id = station_id) AND (kind <= 1));

CREATE INDEX ticket_departure ON travel.ticket USING btree (tenant_id, departure_id);

CREATE UNIQUE INDEX ticket_hash ON travel.ticket USING btree (tenant_id, sha256((code)::bytea));

CREATE UNIQUE INDEX ticket_one_valid ON travel.ticket USING btree (tenant_id, case_id, n) WHERE (state = ANY (ARRAY['valid'::text, 'used'::text]));

ALTER TABLE ONLY casework.event
    ADD CONSTRAINT event_case_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES casework."case"(tenant_id, id);

ALTER TABLE ONLY catalogue.tester
    ADD CONSTRAINT tester_release_fkey FOREIGN KEY (tenant_id, app) REFERENCES catalogue.release(tenant_id, app);

ALTER TABLE ONLY documents.document_check
    ADD CONSTRAINT document_check_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY documents.file
    ADD CONSTRAINT file_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY documents.share
    ADD CONSTRAINT share_of_document FOREIGN KEY (tenant_id, document_id) REFERENCES documents.document(tenant_id, id);

ALTER TABLE ONLY identity.consent
    ADD CONSTRAINT consent_person_fkey FOREIGN KEY (tenant_id, person_id) REFERENCES identity.person(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY identity.session
    ADD CONSTRAINT session_person_fkey FOREIGN KEY (tenant_id, person_id) REFERENCES identity.person(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY medical.appointment
    ADD CONSTRAINT appointment_slot_fkey FOREIGN KEY (tenant_id, slot_id) REFERENCES medical.slot(tenant_id, id);

ALTER TABLE ONLY medical.confirmation
    ADD CONSTRAINT confirmation_of_appointment FOREIGN KEY (tenant_id, case_id) REFERENCES medical.appointment(tenant_id, case_id);

ALTER TABLE ONLY medical.exception
    ADD CONSTRAINT exception_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility(tenant_id, id);

ALTER TABLE ONLY medical.exception
    ADD CONSTRAINT exception_schedule_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES medical.schedule(tenant_id, id);

ALTER TABLE ONLY medical.note
    ADD CONSTRAINT note_has_key FOREIGN KEY (tenant_id, person) REFERENCES medical.person_key(tenant_id, person);

ALTER TABLE ONLY medical.occupancy
    ADD CONSTRAINT occupancy_resource_fkey FOREIGN KEY (tenant_id, resource_id) REFERENCES medical.resource(tenant_id, id);

ALTER TABLE ONLY medical.occupancy
    ADD CONSTRAINT occupancy_slot_fkey FOREIGN KEY (tenant_id, slot_id) REFERENCES medical.slot(tenant_id, id);

ALTER TABLE ONLY medical.place
    ADD CONSTRAINT place_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility(tenant_id, id);

ALTER TABLE ONLY medical.practitioner
    ADD CONSTRAINT practitioner_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility(tenant_id, id);

ALTER TABLE ONLY medical.resource
    ADD CONSTRAINT resource_place_fkey FOREIGN KEY (tenant_id, place_id) REFERENCES medical.place(tenant_id, id);

ALTER TABLE ONLY medical.schedule
    ADD CONSTRAINT schedule_facility_fkey FOREIGN KEY (tenant_id, facility) REFERENCES medical.facility(tenant_id, id);

ALTER TABLE ONLY medical.schedule
    ADD CONSTRAINT schedule_place_fkey FOREIGN KEY (tenant_id, place_id) REFERENCES medical.place(tenant_id, id);

ALTER TABLE ONLY medical.schedule
    ADD CONSTRAINT schedule_practitioner_fkey FOREIGN KEY (tenant_id, practitioner_id) REFERENCES medical.practitioner(tenant_id, id);

ALTER TABLE ONLY medical.slot
    ADD CONSTRAINT slot_schedule_fkey FOREIGN KEY (tenant_id, schedule_id) REFERENCES medical.schedule(tenant_id, id);

ALTER TABLE ONLY notify.delivery
    ADD CONSTRAINT delivery_message_fkey FOREIGN KEY (tenant_id, message_id) REFERENCES notify.message(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY partners.app
    ADD CONSTRAINT app_partner_fkey FOREIGN KEY (tenant_id, partner) REFERENCES partners.partner(tenant_id, id);

ALTER TABLE ONLY payments.difference
    ADD CONSTRAINT difference_payment_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment(tenant_id, id);

ALTER TABLE ONLY payments.order_line
    ADD CONSTRAINT order_line_line_fkey FOREIGN KEY (tenant_id, payment_id, line) REFERENCES payments.payment_line(tenant_id, payment_id, name);

ALTER TABLE ONLY payments.order_line
    ADD CONSTRAINT order_line_order_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments.payment_order(tenant_id, id, payment_id);

ALTER TABLE ONLY payments.payment_line
    ADD CONSTRAINT payment_line_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment(tenant_id, id);

ALTER TABLE ONLY payments.payment_order
    ADD CONSTRAINT payment_order_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment(tenant_id, id);

ALTER TABLE ONLY payments.provider_event
    ADD CONSTRAINT provider_event_payment_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES payments.payment(tenant_id, id);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_credit_fkey FOREIGN KEY (tenant_id, credit, currency) REFERENCES payments.account(tenant_id, code, currency);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_currency_fkey FOREIGN KEY (tenant_id, payment_id, currency) REFERENCES payments.payment(tenant_id, id, currency);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_debit_fkey FOREIGN KEY (tenant_id, debit, currency) REFERENCES payments.account(tenant_id, code, currency);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_line_fkey FOREIGN KEY (tenant_id, payment_id, line) REFERENCES payments.payment_line(tenant_id, payment_id, name);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_order_fkey FOREIGN KEY (tenant_id, order_id, payment_id) REFERENCES payments.payment_order(tenant_id, id, payment_id);

ALTER TABLE ONLY payments.transfer
    ADD CONSTRAINT transfer_resolves_fkey FOREIGN KEY (tenant_id, resolves, resolves_kind, debit, credit, currency, resolves_amount) REFERENCES payments.transfer(tenant_id, id, kind, debit, credit, currency, amount);

ALTER TABLE ONLY travel.boarding
    ADD CONSTRAINT boarding_ticket_fkey FOREIGN KEY (tenant_id, code) REFERENCES travel.ticket(tenant_id, code);

ALTER TABLE ONLY travel.booking
    ADD CONSTRAINT booking_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure(tenant_id, id);

ALTER TABLE ONLY travel.change
    ADD CONSTRAINT change_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking(tenant_id, case_id);

ALTER TABLE ONLY travel.change
    ADD CONSTRAINT change_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure(tenant_id, id);

ALTER TABLE ONLY travel.charge
    ADD CONSTRAINT charge_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking(tenant_id, case_id);

ALTER TABLE ONLY travel.conflict
    ADD CONSTRAINT conflict_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure(tenant_id, id);

ALTER TABLE ONLY travel.conflict
    ADD CONSTRAINT conflict_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed(tenant_id, id);

ALTER TABLE ONLY travel.departure
    ADD CONSTRAINT departure_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator(tenant_id, id);

ALTER TABLE ONLY travel.departure
    ADD CONSTRAINT departure_trip_fkey FOREIGN KEY (tenant_id, feed, trip) REFERENCES travel.trip(tenant_id, feed, number);

ALTER TABLE ONLY travel.feed
    ADD CONSTRAINT feed_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator(tenant_id, id);

ALTER TABLE ONLY travel.moved
    ADD CONSTRAINT moved_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking(tenant_id, case_id);

ALTER TABLE ONLY travel.moved
    ADD CONSTRAINT moved_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure(tenant_id, id);

ALTER TABLE ONLY travel.occupancy
    ADD CONSTRAINT occupancy_departure_fkey FOREIGN KEY (tenant_id, departure_id) REFERENCES travel.departure(tenant_id, id);

ALTER TABLE ONLY travel.passenger
    ADD CONSTRAINT passenger_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking(tenant_id, case_id);

ALTER TABLE ONLY travel.policy
    ADD CONSTRAINT policy_booking_fkey FOREIGN KEY (tenant_id, case_id) REFERENCES travel.booking(tenant_id, case_id);

ALTER TABLE ONLY travel.refund
    ADD CONSTRAINT refund_charge_fkey FOREIGN KEY (tenant_id, payment_id) REFERENCES travel.charge(tenant_id, payment_id);

ALTER TABLE ONLY travel.route
    ADD CONSTRAINT route_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed(tenant_id, id);

ALTER TABLE ONLY travel.service_day
    ADD CONSTRAINT service_day_feed_fkey FOREIGN KEY (tenant_id, feed) REFERENCES travel.feed(tenant_id, id);

ALTER TABLE ONLY travel.stop
    ADD CONSTRAINT stop_operator_fkey FOREIGN KEY (tenant_id, operator) REFERENCES travel.operator(tenant_id, id);

ALTER TABLE ONLY travel.stop
    ADD CONSTRAINT stop_station_fkey FOREIGN KEY (tenant_id, station_id) REFERENCES travel.stop(tenant_id, id);

ALTER TABLE ONLY travel.stop_time
    ADD CONSTRAINT stop_time_stop_fkey FOREIGN KEY (tenant_id, stop_id) REFERENCES travel.stop(tenant_id, id);

ALTER TABLE ONLY travel.stop_time
    ADD CONSTRAINT stop_time_trip_fkey FOREIGN KEY (tenant_id, feed, trip) REFERENCES travel.trip(tenant_id, feed, number);

ALTER TABLE ONLY travel.ticket
    ADD CONSTRAINT ticket_passenger_fkey FOREIGN KEY (tenant_id, case_id, n) REFERENCES travel.passenger(tenant_id, case_id, n);

ALTER TABLE ONLY travel.trip
    ADD CONSTRAINT trip_route_fkey FOREIGN KEY (tenant_id, feed, route) REFERENCES travel.route(tenant_id, feed, key);

ALTER TABLE audit.entry ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON audit.entry USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE casework."case" ENABLE ROW LEVEL SECURITY;

ALTER TABLE casework.event ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON casework."case" USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON casework.event USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE catalogue.agency ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalogue.filled ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalogue.offer ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalogue.release ENABLE ROW LEVEL SECURITY;

ALTER TABLE catalogue.release_change ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON catalogue.agency USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON catalogue.filled USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON catalogue.offer USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON catalogue.release USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON catalogue.release_change USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON catalogue.tester USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE catalogue.tester ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.document ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.document_check ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.file ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.halt ENABLE ROW LEVEL SECURITY;

ALTER TABLE documents.share ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON documents.document USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.document_check USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.file USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.halt USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON documents.share USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE identity.consent ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.login ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.logout_token ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.person ENABLE ROW LEVEL SECURITY;

ALTER TABLE identity.session ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON identity.consent USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.login USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.logout_token USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.person USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON identity.session USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE kernel.effect ENABLE ROW LEVEL SECURITY;

ALTER TABLE kernel.idempotency ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON kernel.effect USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON kernel.idempotency USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE medical.appointment ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.confirmation ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.exception ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.facility ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.holiday ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.import ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.note ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.occupancy ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.person_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.place ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.practitioner ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.resource ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.schedule ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.slot ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.task ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON medical.appointment USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.confirmation USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.exception USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.facility USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.holiday USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.import USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.note USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.occupancy USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.person_key USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.place USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.practitioner USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.resource USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.schedule USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.slot USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.task USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.visit_type USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON medical.waiting USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE medical.visit_type ENABLE ROW LEVEL SECURITY;

ALTER TABLE medical.waiting ENABLE ROW LEVEL SECURITY;

ALTER TABLE notify.delivery ENABLE ROW LEVEL SECURITY;

ALTER TABLE notify.message ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON notify.delivery USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON notify.message USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE partners.announcement ENABLE ROW LEVEL SECURITY;

ALTER TABLE partners.app ENABLE ROW LEVEL SECURITY;

ALTER TABLE partners.definition ENABLE ROW LEVEL SECURITY;

ALTER TABLE partners.partner ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON partners.announcement USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON partners.app USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON partners.definition USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON partners.partner USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE payments.account ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.difference ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.order_line ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.payment ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.payment_line ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.payment_order ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.provider_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE payments.reconciliation ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON payments.account USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.difference USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.order_line USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.payment USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.payment_line USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.payment_order USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.provider_event USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.reconciliation USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON payments.transfer USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE payments.transfer ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.boarding ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.booking ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.change ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.charge ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.conflict ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.departure ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.fare_table ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.feed ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.layout ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.moved ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.occupancy ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.operator ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.passenger ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.policy ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.refund ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.route ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.service_day ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.stop ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.stop_time ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON travel.boarding USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.booking USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.change USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.charge USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.conflict USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.departure USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.fare_table USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.feed USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.layout USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.moved USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.occupancy USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.operator USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.passenger USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.policy USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.refund USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.route USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.service_day USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.stop USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.stop_time USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.ticket USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

CREATE POLICY tenant ON travel.trip USING ((tenant_id = ( SELECT public.app_tenant() AS app_tenant))) WITH CHECK ((tenant_id = ( SELECT public.app_tenant() AS app_tenant)));

ALTER TABLE travel.ticket ENABLE ROW LEVEL SECURITY;

ALTER TABLE travel.trip ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA audit TO townhall_rw;
GRANT USAGE ON SCHEMA audit TO townhall_ro;

GRANT USAGE ON SCHEMA casework TO townhall_rw;
GRANT USAGE ON SCHEMA casework TO townhall_ro;

GRANT USAGE ON SCHEMA catalogue TO townhall_rw;
GRANT USAGE ON SCHEMA catalogue TO townhall_ro;

GRANT USAGE ON SCHEMA documents TO townhall_rw;
GRANT USAGE ON SCHEMA documents TO townhall_ro;

GRANT USAGE ON SCHEMA identity TO townhall_rw;
GRANT USAGE ON SCHEMA identity TO townhall_ro;

GRANT USAGE ON SCHEMA kernel TO townhall_rw;
GRANT USAGE ON SCHEMA kernel TO townhall_ro;

GRANT USAGE ON SCHEMA medical TO townhall_rw;
GRANT USAGE ON SCHEMA medical TO townhall_ro;

GRANT USAGE ON SCHEMA notify TO townhall_rw;
GRANT USAGE ON SCHEMA notify TO townhall_ro;

GRANT USAGE ON SCHEMA partners TO townhall_rw;
GRANT USAGE ON SCHEMA partners TO townhall_ro;

GRANT USAGE ON SCHEMA payments TO townhall_rw;
GRANT USAGE ON SCHEMA payments TO townhall_ro;

GRANT USAGE ON SCHEMA travel TO townhall_rw;
GRANT USAGE ON SCHEMA travel TO townhall_ro;

GRANT ALL ON FUNCTION medical.live_holds(until timestamp with time zone[]) TO townhall_rw;
GRANT ALL ON FUNCTION medical.live_holds(until timestamp with time zone[]) TO townhall_ro;

GRANT SELECT ON TABLE audit.entry TO townhall_ro;
GRANT SELECT,INSERT ON TABLE audit.entry TO townhall_rw;

GRANT SELECT ON TABLE casework."case" TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE casework."case" TO townhall_rw;

GRANT SELECT ON TABLE casework.event TO townhall_ro;
GRANT SELECT,INSERT ON TABLE casework.event TO townhall_rw;

GRANT SELECT ON TABLE catalogue.agency TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.agency TO townhall_rw;

GRANT SELECT ON TABLE catalogue.filled TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.filled TO townhall_rw;

GRANT SELECT ON TABLE catalogue.log_hash TO townhall_ro;
GRANT SELECT,INSERT ON TABLE catalogue.log_hash TO townhall_rw;

GRANT SELECT ON TABLE catalogue.log_head TO townhall_ro;
GRANT SELECT,INSERT ON TABLE catalogue.log_head TO townhall_rw;

GRANT SELECT ON TABLE catalogue.log_record TO townhall_ro;
GRANT SELECT,INSERT ON TABLE catalogue.log_record TO townhall_rw;

GRANT SELECT ON TABLE catalogue.offer TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.offer TO townhall_rw;

GRANT SELECT ON TABLE catalogue.release TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.release TO townhall_rw;

GRANT SELECT ON TABLE catalogue.release_change TO townhall_ro;
GRANT SELECT,INSERT ON TABLE catalogue.release_change TO townhall_rw;

GRANT SELECT ON TABLE catalogue.said TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.said TO townhall_rw;

GRANT SELECT ON TABLE catalogue.tester TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.tester TO townhall_rw;

GRANT SELECT ON TABLE catalogue.word TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE catalogue.word TO townhall_rw;

GRANT SELECT ON TABLE documents.document TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.document TO townhall_rw;

GRANT SELECT ON TABLE documents.document_check TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.document_check TO townhall_rw;

GRANT SELECT ON TABLE documents.file TO townhall_ro;
GRANT SELECT,INSERT ON TABLE documents.file TO townhall_rw;

GRANT SELECT ON TABLE documents.halt TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.halt TO townhall_rw;

GRANT SELECT ON TABLE documents.share TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE documents.share TO townhall_rw;

GRANT SELECT ON TABLE identity.consent TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.consent TO townhall_rw;

GRANT SELECT ON TABLE identity.login TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.login TO townhall_rw;

GRANT SELECT ON TABLE identity.logout_token TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.logout_token TO townhall_rw;

GRANT SELECT ON TABLE identity.person TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.person TO townhall_rw;

GRANT SELECT ON TABLE identity.session TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE identity.session TO townhall_rw;

GRANT SELECT ON TABLE kernel.effect TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE kernel.effect TO townhall_rw;

GRANT SELECT ON TABLE kernel.idempotency TO townhall_ro;
GRANT SELECT,INSERT,DELETE ON TABLE kernel.idempotency TO townhall_rw;

GRANT SELECT ON TABLE medical.appointment TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.appointment TO townhall_rw;

GRANT SELECT ON TABLE medical.confirmation TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.confirmation TO townhall_rw;

GRANT SELECT ON TABLE medical.exception TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.exception TO townhall_rw;

GRANT SELECT ON TABLE medical.facility TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.facility TO townhall_rw;

GRANT SELECT ON TABLE medical.holiday TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.holiday TO townhall_rw;

GRANT SELECT ON TABLE medical.import TO townhall_ro;
GRANT SELECT,INSERT ON TABLE medical.import TO townhall_rw;

GRANT SELECT ON TABLE medical.note TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.note TO townhall_rw;

GRANT SELECT ON TABLE medical.occupancy TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.occupancy TO townhall_rw;

GRANT SELECT ON TABLE medical.person_key TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.person_key TO townhall_rw;

GRANT SELECT ON TABLE medical.place TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.place TO townhall_rw;

GRANT SELECT ON TABLE medical.practitioner TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.practitioner TO townhall_rw;

GRANT SELECT ON TABLE medical.resource TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.resource TO townhall_rw;

GRANT SELECT ON TABLE medical.schedule TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.schedule TO townhall_rw;

GRANT SELECT ON TABLE medical.slot TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.slot TO townhall_rw;

GRANT SELECT ON TABLE medical.task TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.task TO townhall_rw;

GRANT SELECT ON TABLE medical.visit_type TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.visit_type TO townhall_rw;

GRANT SELECT ON TABLE medical.waiting TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE medical.waiting TO townhall_rw;

GRANT SELECT ON TABLE notify.delivery TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE notify.delivery TO townhall_rw;

GRANT SELECT ON TABLE notify.message TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE notify.message TO townhall_rw;

GRANT SELECT ON TABLE partners.announcement TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE partners.announcement TO townhall_rw;

GRANT SELECT ON TABLE partners.app TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE partners.app TO townhall_rw;

GRANT SELECT ON TABLE partners.definition TO townhall_ro;
GRANT SELECT,INSERT ON TABLE partners.definition TO townhall_rw;

GRANT SELECT ON TABLE partners.partner TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE partners.partner TO townhall_rw;

GRANT SELECT ON TABLE partners.slug TO townhall_ro;
GRANT SELECT,INSERT ON TABLE partners.slug TO townhall_rw;

GRANT SELECT ON TABLE partners.turn TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE partners.turn TO townhall_rw;

GRANT SELECT ON TABLE payments.account TO townhall_ro;
GRANT SELECT,INSERT ON TABLE payments.account TO townhall_rw;

GRANT SELECT ON TABLE payments.difference TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE payments.difference TO townhall_rw;

GRANT SELECT ON TABLE payments.order_line TO townhall_ro;
GRANT SELECT,INSERT ON TABLE payments.order_line TO townhall_rw;

GRANT SELECT ON TABLE payments.payment TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE payments.payment TO townhall_rw;

GRANT SELECT ON TABLE payments.payment_line TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE payments.payment_line TO townhall_rw;

GRANT SELECT ON TABLE payments.payment_order TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE payments.payment_order TO townhall_rw;

GRANT SELECT ON TABLE payments.provider_event TO townhall_ro;
GRANT SELECT,INSERT ON TABLE payments.provider_event TO townhall_rw;

GRANT SELECT ON TABLE payments.reconciliation TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE payments.reconciliation TO townhall_rw;

GRANT SELECT ON TABLE payments.transfer TO townhall_ro;
GRANT SELECT,INSERT ON TABLE payments.transfer TO townhall_rw;

GRANT SELECT ON TABLE travel.boarding TO townhall_ro;
GRANT SELECT,INSERT ON TABLE travel.boarding TO townhall_rw;

GRANT SELECT ON TABLE travel.booking TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.booking TO townhall_rw;

GRANT SELECT ON TABLE travel.change TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.change TO townhall_rw;

GRANT SELECT ON TABLE travel.charge TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.charge TO townhall_rw;

GRANT SELECT ON TABLE travel.conflict TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.conflict TO townhall_rw;

GRANT SELECT ON TABLE travel.departure TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.departure TO townhall_rw;

GRANT SELECT ON TABLE travel.stop TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.stop TO townhall_rw;

GRANT SELECT ON TABLE travel.stop_time TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.stop_time TO townhall_rw;

GRANT SELECT ON TABLE travel.departure_call TO townhall_rw;
GRANT SELECT ON TABLE travel.departure_call TO townhall_ro;

GRANT SELECT ON TABLE travel.fare_table TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.fare_table TO townhall_rw;

GRANT SELECT ON TABLE travel.feed TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.feed TO townhall_rw;

GRANT SELECT ON TABLE travel.layout TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.layout TO townhall_rw;

GRANT SELECT ON TABLE travel.moved TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.moved TO townhall_rw;

GRANT SELECT ON TABLE travel.occupancy TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.occupancy TO townhall_rw;

GRANT SELECT ON TABLE travel.operator TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.operator TO townhall_rw;

GRANT SELECT ON TABLE travel.passenger TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.passenger TO townhall_rw;

GRANT SELECT ON TABLE travel.policy TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.policy TO townhall_rw;

GRANT SELECT ON TABLE travel.refund TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.refund TO townhall_rw;

GRANT SELECT ON TABLE travel.route TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.route TO townhall_rw;

GRANT SELECT ON TABLE travel.service_day TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.service_day TO townhall_rw;

GRANT SELECT ON TABLE travel.ticket TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.ticket TO townhall_rw;

GRANT SELECT ON TABLE travel.trip TO townhall_ro;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE travel.trip TO townhall_rw;
