package medical

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
	"townhall/modules/medical/feed"
)

// registerStandards adds what other systems read: the calendars as FHIR R4 and as SMART Scheduling Links.
func (s *Service) registerStandards(api *web.API) {
	s.registerFHIR(api)
	links := []string{"Scheduling links"}
	web.Register(api, web.Op{ID: "smart-manifest", Method: http.MethodGet, Path: feedManifest, Tags: links, Policy: web.Public, Responses: feedResponses("application/json", "The manifest.", exampleManifest()),
		Summary: "Fetch the manifest of the scheduling links", Description: "SMART Scheduling Links: the files of places, schedules and slots that can be booked. Poll it every one to five minutes with `If-None-Match`: 304 while nothing changed. It lists everything at all times: `_since` is taken and does not narrow."}, s.getManifest)
	web.Register(api, web.Op{ID: "smart-locations", Method: http.MethodGet, Path: feedLocations, Tags: links, Policy: web.Public, Responses: feedResponses(ndjson, "One place per line.", nil),
		Summary: "Fetch the places of the scheduling links", Description: "One FHIR Location per line (NDJSON): the places of published clinics."}, s.getFeedLocations)
	web.Register(api, web.Op{ID: "smart-schedules", Method: http.MethodGet, Path: feedSchedules, Tags: links, Policy: web.Public, Responses: feedResponses(ndjson, "One schedule per line.", nil),
		Summary: "Fetch the schedules of the scheduling links", Description: "One FHIR Schedule per line (NDJSON): what can be booked at which place."}, s.getFeedSchedules)
	web.Register(api, web.Op{ID: "smart-slots", Method: http.MethodGet, Path: "/smart/slots/{file}", Tags: links, Policy: web.Public, Errors: []int{http.StatusNotFound}, Responses: feedResponses(ndjson, "One slot per line.", nil),
		Summary: "Fetch the slots of one clinic and week", Description: "One FHIR Slot per line (NDJSON), free and busy, each with the page on which it is booked. The manifest names the files; one that holds nothing any more is gone (404)."}, s.getFeedSlots)
}

// ndjson is the media type of the files (R4 bulk data).
const ndjson = "application/fhir+ndjson"

func feedResponses(media, what string, example any) map[string]*huma.Response {
	schema := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	if example != nil {
		schema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: what}
	}
	return map[string]*huma.Response{
		"200": {Description: what, Content: map[string]*huma.MediaType{media: {Schema: schema, Example: example}}},
		"304": {Description: "Nothing changed since the copy you have."},
	}
}

func exampleManifest() any {
	base := "https://northwick.example" + feedBase
	return map[string]any{"transactionTime": "2026-11-23T09:30:00Z", "request": base + "/$bulk-publish", "error": []any{}, "output": []any{
		map[string]any{"type": "Location", "url": base + "/locations.ndjson"}, map[string]any{"type": "Schedule", "url": base + "/schedules.ndjson"},
		map[string]any{"type": "Slot", "url": base + "/slots/riverside-clinic_2026-11-23.ndjson"},
	}}
}

// FeedInput asks for a file of the feed.
type FeedInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"500" doc:"The ETag of the copy you have."`
	Since       string `query:"_since" maxLength:"40" doc:"Taken, as the specification allows, and does not narrow."`
}

// FeedSlotsInput names a file of slots.
type FeedSlotsInput struct {
	FeedInput
	File string `path:"file" maxLength:"120" pattern:"^[a-z0-9-]+_[0-9]{4}-[0-9]{2}-[0-9]{2}\\.ndjson$" example:"riverside-clinic_2026-11-23.ndjson" doc:"As the manifest names it."`
}

// FeedOutput is a file of the feed, or nothing when it did not change.
type FeedOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" doc:"What the file is."`
	CacheControl string `header:"Cache-Control" doc:"How long it may be kept without asking."`
	ETag         string `header:"ETag" doc:"Changes with the file."`
	AllowOrigin  string `header:"Access-Control-Allow-Origin" doc:"Always *: everybody may show free times."`
	Body         []byte
}

const feedCache = "public, max-age=30"

func feedAnswer(in *FeedInput, media, etag string, body func() ([]byte, error)) (*FeedOutput, error) {
	out := &FeedOutput{Status: http.StatusOK, ContentType: media, CacheControl: feedCache, ETag: etag, AllowOrigin: "*"}
	if etagMatches(in.IfNoneMatch, etag) {
		out.Status = http.StatusNotModified
		return out, nil
	}
	var err error
	out.Body, err = body()
	return out, err
}

func (s *Service) getManifest(ctx context.Context, in *FeedInput) (*FeedOutput, error) {
	m, etag, err := s.feedManifest(ctx)
	if err != nil {
		return nil, err
	}
	return feedAnswer(in, "application/json", etag, func() ([]byte, error) { return json.Marshal(m) })
}

func (s *Service) getFeedLocations(ctx context.Context, in *FeedInput) (*FeedOutput, error) {
	f, err := s.feedSmall(ctx)
	if err != nil {
		return nil, err
	}
	return feedAnswer(in, ndjson, f.locationsTag, func() ([]byte, error) { return f.locations, nil })
}

func (s *Service) getFeedSchedules(ctx context.Context, in *FeedInput) (*FeedOutput, error) {
	f, err := s.feedSmall(ctx)
	if err != nil {
		return nil, err
	}
	return feedAnswer(in, ndjson, f.schedulesTag, func() ([]byte, error) { return f.schedules, nil })
}

// getFeedSlots writes the slots as they are read. A fault on the way ends the connection, so that half a file is never
// taken for a whole one.
func (s *Service) getFeedSlots(ctx context.Context, in *FeedSlotsInput) (*huma.StreamResponse, error) {
	f, err := s.feedFile(ctx, in.File)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		for name, value := range map[string]string{"Content-Type": ndjson, "Cache-Control": feedCache, "ETag": f.etag, "Access-Control-Allow-Origin": "*"} {
			hc.SetHeader(name, value)
		}
		if etagMatches(in.IfNoneMatch, f.etag) {
			hc.SetStatus(http.StatusNotModified)
			return
		}
		hc.SetStatus(http.StatusOK)
		slots, failed := s.feedSlots(ctx, f)
		if err := feed.Write(hc.BodyWriter(), slots); err != nil || *failed != nil {
			s.Log.Warn("feed of slots broke off", "file", in.File, "err", *failed)
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// etag is a weak tag of a fingerprint.
func etagOf(fingerprint uint64) string {
	return `W/` + strconv.Quote(strconv.FormatUint(fingerprint, 36))
}

var errNoFile = kernel.NotThere("file of the feed")
