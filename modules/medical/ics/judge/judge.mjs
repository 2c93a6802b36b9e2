// Reads a JSON list of calendar files (base64) from standard input and writes, for each, what ical.js makes of it and
// what is wrong with it: { problems, method, status, start, end, ... }. Its argument is the folder of node_modules.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
const ICAL = (await import(pathToFileURL(process.argv[2] + "/ical.js/dist/ical.js"))).default;

// The rules of RFC 5545 a lenient parser does not mind.
function lines(raw, problems) {
  if (/[^\r]\n|\r[^\n]/.test(raw.toString("latin1"))) problems.push("a line does not end in CRLF");
  if (!raw.toString("latin1").endsWith("\r\n")) problems.push("the last line does not end");
  for (const line of raw.toString("latin1").split("\r\n")) {
    if (line.length > 75) problems.push("a line of " + line.length + " octets");
    if (/[\x00-\x08\x0a-\x1f\x7f]/.test(line)) problems.push("a control character");
  }
  if (raw.toString("utf8").includes("\ufffd")) problems.push("a character was torn");
}

function component(event, zones, problems) {
  const need = (c, name) => { if (!c.hasProperty(name)) problems.push(c.name + " has no " + name); };
  for (const name of ["uid", "dtstamp", "dtstart", "dtend", "summary", "status", "sequence"]) need(event, name);
  for (const name of ["dtstart", "dtend"]) {
    const tzid = event.getFirstProperty(name)?.getParameter("tzid");
    if (tzid && !zones.has(tzid)) problems.push(name + " names the zone " + tzid + ", which is not in the file");
    if (!tzid && event.getFirstPropertyValue(name)?.zone !== ICAL.Timezone.utcTimezone) problems.push(name + " floats");
  }
  for (const name of ["uid", "dtstamp", "dtstart", "dtend", "summary", "status", "sequence", "geo", "url"])
    if (event.getAllProperties(name).length > 1) problems.push(name + " stands twice");
  for (const alarm of event.getAllSubcomponents("valarm")) for (const name of ["action", "trigger", "description"]) need(alarm, name);
}

const instant = (event, name, zones) => {
  const property = event.getFirstProperty(name), value = event.getFirstPropertyValue(name);
  const tzid = property.getParameter("tzid");
  if (tzid) value.zone = zones.get(tzid);
  return new Date(value.toUnixTime() * 1000).toISOString();
};

function judge(base64) {
  const raw = Buffer.from(base64, "base64"), problems = [];
  lines(raw, problems);
  try {
    const calendar = new ICAL.Component(ICAL.parse(raw.toString("utf8")));
    for (const name of ["prodid", "version", "method"]) if (!calendar.hasProperty(name)) problems.push("no " + name);
    const zones = new Map(calendar.getAllSubcomponents("vtimezone").map((c) => [c.getFirstPropertyValue("tzid"), new ICAL.Timezone(c)]));
    for (const zone of calendar.getAllSubcomponents("vtimezone"))
      for (const part of zone.getAllSubcomponents())
        for (const name of ["dtstart", "tzoffsetfrom", "tzoffsetto"]) if (!part.hasProperty(name)) problems.push("VTIMEZONE: no " + name);
    const events = calendar.getAllSubcomponents("vevent");
    if (events.length !== 1) return { problems: [...problems, events.length + " events"] };
    const event = events[0], first = (name) => event.getFirstPropertyValue(name);
    component(event, zones, problems);
    const out = {
      method: calendar.getFirstPropertyValue("method"), uid: first("uid"), sequence: first("sequence"), status: first("status"),
      start: instant(event, "dtstart", zones), end: instant(event, "dtend", zones), tzid: event.getFirstProperty("dtstart").getParameter("tzid") ?? "",
      local: first("dtstart").toString(), summary: first("summary"), description: first("description") ?? "", location: first("location") ?? "",
      geo: first("geo") ? first("geo").map(Number) : [], url: first("url") ?? "", alarms: event.getAllSubcomponents("valarm").map((a) => a.getFirstPropertyValue("trigger").toString()),
      name: calendar.getFirstPropertyValue("name") ?? "", refresh: calendar.getFirstPropertyValue("refresh-interval")?.toString() ?? "",
    };
    if (out.end <= out.start) problems.push("it ends before it starts");
    return { ...out, problems };
  } catch (e) {
    return { problems: [...problems, "ical.js: " + e.message] };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(judge)));
