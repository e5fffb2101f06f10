#!/usr/bin/env python3
"""Makes the Grafana dashboards: `make_dashboards.py [FOLDER]`, by default `dashboards` beside this file.

The boards are kept in the tree as well; a test (tests/e2e/tests/dashboards.rs) refuses a tree in which they differ from what
this makes, runs every query, and holds every panel against Grafana's own types (tests/grafana).
"""
import json
import pathlib
import sys

OUT = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "dashboards"
DS = {"type": "prometheus", "uid": "${datasource}"}
# Okabe-Ito: told apart by people who see colours differently.
GREEN, YELLOW, ORANGE, RED, BLUE, GREY, PURPLE, SKY = '#009E73', '#F0E442', '#E69F00', '#D55E00', '#0072B2', '#999999', '#CC79A7', '#56B4E9'

def ref(i): return chr(ord('A') + i)

def q(expr, legend=None, instant=False, fmt='time_series'):
    t = {"datasource": DS, "expr": expr, "format": fmt, "instant": instant, "range": not instant}
    if legend is not None: t["legendFormat"] = legend
    return t

def table(expr): return q(expr, None, True, 'table')

def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": c, "value": v} for v, c in pairs]}

def mapping(*rows):
    return [{"type": "value", "options": {str(v): {"text": text, "color": colour, "index": i} for i, (v, text, colour) in enumerate(rows)}}]

VERDICTS = mapping((0, 'pass', GREEN), (1, 'warn', YELLOW), (2, 'inconclusive', GREY), (3, 'fail', RED))
MODES = mapping((0, 'not requested', GREEN), (1, 'unknown', GREY), (2, 'optional', YELLOW), (3, 'required', RED))
YES_NO = mapping((0, 'no', ORANGE), (1, 'yes', BLUE))
GOOD_BAD = mapping((0, 'no', RED), (1, 'yes', GREEN))
CHECKS = mapping((0, 'fail', RED), (1, 'pass', GREEN), (2, 'warn', YELLOW))
ACCEPTED = mapping((0, 'refused', GREY), (1, 'accepted', BLUE))
REVOCATION = mapping((0, 'good', GREEN), (1, 'unknown', YELLOW), (2, 'revoked', RED), (3, 'not checked', GREY))
DAYS = steps((None, RED), (7, ORANGE), (30, YELLOW), (90, GREEN))

def rank(sel, by='target, address'):
    def one(v): return 'siptls_verdict{%s, verdict="%s"}' % (sel, v)
    return 'max by (%s) (3 * %s or 2 * %s or 1 * %s or 0 * %s)' % (by, one('fail'), one('inconclusive'), one('warn'), one('pass'))

def mode(sel, by='target, address'):
    def one(v): return 'siptls_client_certificate_mode{%s, mode="%s"}' % (sel, v)
    return 'max by (%s) (3 * %s or 2 * %s or 1 * %s or 0 * %s)' % (by, one('required'), one('optional'), one('unknown'), one('not_requested'))

class Board:
    def __init__(self, uid, title, description, tags, variables, annotations=(), refresh='1m', start='now-24h'):
        self.d = {
            "uid": uid, "title": title, "description": description, "tags": ["siptls"] + tags,
            "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "timezone": "browser",
            "refresh": refresh, "time": {"from": start, "to": "now"},
            "links": [{"title": "SIP TLS", "type": "dashboards", "tags": ["siptls"], "asDropdown": False, "icon": "external link",
                       "includeVars": True, "keepTime": True, "targetBlank": False, "tooltip": "The other boards", "url": ""}],
            "annotations": {"list": list(annotations)},
            "templating": {"list": variables}, "panels": []}
        self.x = self.y = self.h = 0; self.id = 0

    def row(self, title):
        self.flush(); self.id += 1
        self.d["panels"].append({"id": self.id, "type": "row", "title": title, "collapsed": False,
                                 "gridPos": {"h": 1, "w": 24, "x": 0, "y": self.y}, "panels": []})
        self.y += 1

    def flush(self):
        self.y += self.h; self.x = self.h = 0

    def add(self, kind, title, description, w, h, targets, options, defaults, overrides=(), transformations=(), links=(), custom=None):
        if self.x + w > 24: self.flush()
        self.id += 1
        if custom is not None: defaults = {**defaults, "custom": custom}
        p = {"id": self.id, "type": kind, "title": title, "description": description,
             "gridPos": {"h": h, "w": w, "x": self.x, "y": self.y}, "datasource": DS,
             "targets": [{"refId": ref(i), **t} for i, t in enumerate(targets)],
             "fieldConfig": {"defaults": defaults, "overrides": list(overrides)}, "options": options}
        if transformations: p["transformations"] = list(transformations)
        if links: p["links"] = list(links)
        self.d["panels"].append(p); self.x += w; self.h = max(self.h, h)

    def stat(self, title, description, w, expr, unit='none', thresholds=None, mappings=None, legend='__auto', text='auto', novalue=None, colour='value', decimals=None):
        d = {"unit": unit, "thresholds": thresholds or steps((None, BLUE)), "mappings": mappings or []}
        if novalue: d["noValue"] = novalue
        if decimals is not None: d["decimals"] = decimals
        self.add('stat', title, description, w, 4, [q(expr, legend, True)],
                 {"colorMode": colour, "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": text,
                  "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "showPercentChange": False, "wideLayout": True,
                  "percentChangeColorMode": "standard"}, d)

    def series(self, title, description, w, h, targets, unit='short', stack=False, overrides=(), minimum=0, fill=10):
        self.add('timeseries', title, description, w, h, targets,
                 {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
                  "tooltip": {"mode": "multi", "sort": "desc"}},
                 {"unit": unit, "min": minimum, "color": {"mode": "palette-classic-by-name"}}, overrides,
                 custom={"drawStyle": "line", "lineWidth": 1, "fillOpacity": 70 if stack else fill, "showPoints": "never", "spanNulls": False,
                         "stacking": {"mode": "normal" if stack else "none", "group": "A"}})

    def timeline(self, title, description, w, h, targets, mappings, per_page=20, thresholds=None, novalue='nothing seen'):
        self.add('state-timeline', title, description, w, h, targets,
                 {"alignValue": "left", "mergeValues": True, "perPage": per_page, "rowHeight": 0.85, "showValue": "auto",
                  "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
                  "tooltip": {"mode": "single", "sort": "none"}},
                 {"mappings": mappings, "color": {"mode": "thresholds"}, "thresholds": thresholds or steps((None, GREY)), "noValue": novalue},
                 custom={"fillOpacity": 75, "lineWidth": 0})

    def table(self, title, description, w, h, targets, overrides, transformations, sort=None, novalue='nothing'):
        self.add('table', title, description, w, h, targets,
                 {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": n, "desc": d} for n, d in (sort or [])],
                  "frameIndex": 0},
                 {"noValue": novalue, "thresholds": steps((None, BLUE))},
                 overrides, transformations, custom={"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}, "inspect": False})

    def bars(self, title, description, w, h, expr, legend, thresholds=None, unit='none', novalue='none', mx=None):
        d = {"unit": unit, "min": 0, "thresholds": thresholds or steps((None, BLUE)), "noValue": novalue, "color": {"mode": "thresholds"}}
        if mx is not None: d["max"] = mx
        self.add('bargauge', title, description, w, h, [q(expr, legend, True)],
                 {"displayMode": "basic", "orientation": "horizontal", "showUnfilled": True, "valueMode": "text", "namePlacement": "left",
                  "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 32, "sizing": "auto",
                  "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
                  "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}, d)

    def write(self, name):
        self.flush()
        (OUT / name).write_text(json.dumps(self.d, indent=2, ensure_ascii=False) + '\n')

def column(name, *, title=None, unit=None, mappings=None, thresholds=None, width=None, links=None, decimals=None, colour=None):
    p = []
    if title: p.append({"id": "displayName", "value": title})
    if unit: p.append({"id": "unit", "value": unit})
    if decimals is not None: p.append({"id": "decimals", "value": decimals})
    if mappings: p.append({"id": "mappings", "value": mappings})
    if thresholds: p.append({"id": "thresholds", "value": thresholds})
    if mappings or thresholds or colour: p.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    if width: p.append({"id": "custom.width", "value": width})
    if links: p.append({"id": "links", "value": links})
    return {"matcher": {"id": "byName", "options": name}, "properties": p}

def series_colour(name, colour):
    return {"matcher": {"id": "byName", "options": name}, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}]}

def variable_ds():
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1,
            "regex": "", "includeAll": False, "multi": False, "options": [], "skipUrlSync": False}


def variable(name, label, query, multi=True, description=''):
    v = {"name": name, "label": label, "description": description, "type": "query", "datasource": DS, "hide": 0, "refresh": 2, "sort": 1, "regex": "",
         "query": {"query": query, "refId": "variable-" + name}, "definition": query, "multi": multi, "includeAll": multi, "options": [], "skipUrlSync": False}
    if multi: v["allValue"] = ".*"; v["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return v

def variable_adhoc():
    return {"name": "filters", "label": "Labels", "description": "Filters every query by a label of yours, such as site.", "type": "adhoc",
            "datasource": DS, "hide": 0, "skipUrlSync": False}

def variable_page():
    return {"name": "page", "label": "Daemon's page", "description": "Where the daemon's own page is, without a slash at the end.",
            "type": "textbox", "query": "http://127.0.0.1:10061", "hide": 0,
            "current": {"selected": True, "text": "http://127.0.0.1:10061", "value": "http://127.0.0.1:10061"},
            "options": [{"selected": True, "text": "http://127.0.0.1:10061", "value": "http://127.0.0.1:10061"}], "skipUrlSync": False}

BOARD_LINK = {"title": "Board of this target", "url": "/d/siptls-target/sip-tls-target?var-datasource=${datasource}&var-target=${__data.fields.target:percentencode}&${__url_time_range}", "targetBlank": False}
PAGE_LINK = {"title": "Page of this target: what to change", "url": "${page}/targets/${__data.fields.target:percentencode}", "targetBlank": True}

def merge(excluded, order, sort=(), limit=100, rename=None):
    t = [{"id": "merge", "options": {}},
         {"id": "organize", "options": {"excludeByName": {n: True for n in excluded}, "includeByName": {},
          "indexByName": {n: i for i, n in enumerate(order)}, "renameByName": rename or {}}}]
    if sort: t.append({"id": "sortBy", "options": {"fields": {}, "sort": [{"field": n, "desc": d} for n, d in sort]}})
    if limit: t.append({"id": "limit", "options": {"limitField": limit}})
    return t

# ---------------------------------------------------------------- fleet
S = 'profile=~"$profile", target=~"$target"'
def asking(expr): return '%s and on (target, address) (max by (target, address) (siptls_client_certificate_mode{%s, mode=~"optional|required"}) == 1)' % (expr, S)
b = Board('siptls-fleet', 'SIP TLS: fleet', 'Every endpoint that is watched: which calls break, when, and why.', ['fleet'],
    [variable_ds(),
     variable('profile', 'Profile', 'label_values(siptls_verdict, profile)'),
     variable('target', 'Target', 'label_values(siptls_verdict{profile=~"$profile"}, target)'),
     variable_adhoc(), variable_page()])
b.row('Now')
b.stat('Targets', 'Targets that are watched, whatever their number of addresses.', 3, 'count(count by (target) (siptls_verdict{%s}))' % S)
b.stat('Calls fail now', 'Addresses with the verdict fail: the next call does not connect.', 3, 'sum(siptls_verdict{%s, verdict="fail"})' % S, thresholds=steps((None, GREEN), (1, RED)))
b.stat('Something to do', 'Addresses with the verdict warn: calls connect today, with a reason to act.', 3, 'sum(siptls_verdict{%s, verdict="warn"})' % S, thresholds=steps((None, GREEN), (1, YELLOW)))
b.stat('Not known', 'Addresses with the verdict inconclusive: not enough was seen to say.', 3, 'sum(siptls_verdict{%s, verdict="inconclusive"})' % S, thresholds=steps((None, GREEN), (1, GREY)))
b.stat('Insist on a client certificate', 'Addresses that refuse a caller without a client certificate.', 3, 'sum(siptls_client_certificate_mode{%s, mode="required"})' % S, thresholds=steps((None, GREEN), (1, RED)))
b.stat('Ask for one', 'Addresses that ask for a client certificate and go on without one.', 3, 'sum(siptls_client_certificate_mode{%s, mode="optional"})' % S, thresholds=steps((None, GREEN), (1, YELLOW)))
b.stat('First removal', 'Time until the first load balancer that dials an endpoint which asks for a client certificate has no clientAuth any more; negative when that has happened.', 3,
       'min(%s) - time()' % asking('max by (target, address) (siptls_eku_removal_start_timestamp_seconds{%s})' % S), unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='nobody asks')
b.stat('Alerts firing', 'Alerts of this program that fire.', 3, 'count(ALERTS{alertname=~"SipTls.+", alertstate="firing", severity!="none"}) or vector(0)', thresholds=steps((None, GREEN), (1, RED)))
b.row('Who breaks when')
COLS = ['target', 'address', 'Value #A', 'Value #B', 'Value #C', 'Value #D', 'Value #E', 'Value #F', 'Value #G', 'profile']
b.table('Worst first', 'The hundred worst addresses: verdict first, then the nearest date. The name of a target leads to its board and to its page, which says what to change.', 24, 14, [
    table(rank(S, 'target, address, profile')),
    table(mode(S, 'target, address, profile')),
    table('((%s) - time()) / 86400' % asking('max by (target, address, profile) (siptls_eku_removal_start_timestamp_seconds{%s})' % S)),
    table('((%s) - time()) / 86400' % asking('max by (target, address, profile) (siptls_eku_removal_deadline_timestamp_seconds{%s})' % S)),
    table('(min by (target, address, profile) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % S),
    table('max by (target, address, profile) (siptls_last_change_timestamp_seconds{%s, address!=""}) * 1000' % S),
    table('count by (target, address, profile) (ALERTS{alertname=~"SipTls.+", alertstate="firing", target=~"$target", address!=""})'),
  ], [
    column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]), column('address', title='Address'), column('profile', title='Profile'),
    column('Value #A', title='Verdict', mappings=VERDICTS, width=110), column('Value #B', title='Client certificate', mappings=MODES, width=140),
    column('Value #C', title='Days to first removal', thresholds=DAYS, decimals=0), column('Value #D', title='Days to last removal', thresholds=DAYS, decimals=0),
    column('Value #E', title='Certificate, days left', thresholds=DAYS, decimals=0), column('Value #F', title='Last change', unit='dateTimeFromNow'),
    column('Value #G', title='Alerts', thresholds=steps((None, GREEN), (1, RED)), decimals=0, width=80)],
  merge(['Time'], COLS, [('Value #A', True), ('Value #C', False), ('Value #E', False)]))
b.row('Why')
b.bars('Checks that fail', 'Checks by the number of addresses at which they fail, the most frequent fifteen. `siptls-probe explain CHECK` says what to do.', 12, 9,
       'topk(15, count by (check, severity) (siptls_check_passed{%s} == 0))' % S, '{{check}} ({{severity}})', steps((None, RED)))
b.bars('Checks that warn', 'Checks by the number of addresses at which they warn, the most frequent fifteen.', 12, 9,
       'topk(15, count by (check, severity) (siptls_check_warning{%s} == 1))' % S, '{{check}} ({{severity}})', steps((None, YELLOW)))
b.table('Alerts that fire', 'The fifty alerts of this program that fire, with severity and target.', 12, 9,
        [table('topk(50, max by (alertname, severity, target, address) (ALERTS{alertname=~"SipTls.+", alertstate="firing"}))')],
        [column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]), column('alertname', title='Alert'), column('severity', title='Severity'), column('address', title='Address')],
        merge(['Time', 'Value'], ['severity', 'alertname', 'target', 'address'], limit=50), novalue='none fires')
b.series('Verdicts', 'Addresses by verdict.', 12, 9, [q('sum by (verdict) (siptls_verdict{%s})' % S, '{{verdict}}')], 'none', True,
         [series_colour('pass', GREEN), series_colour('warn', YELLOW), series_colour('inconclusive', GREY), series_colour('fail', RED)])
b.row('Signs of trouble on the way')
b.series('Visits that stop short', 'Routine probes per minute that ended before SIP was answered, by reason; the ten most frequent.', 12, 8,
         [q('topk(10, sum by (reason) (rate(siptls_probes_total{%s, reason!~"ok|postponed"}[$__rate_interval]))) * 60' % S, '{{reason}}')])
b.table('Slowest handshakes', 'The twenty targets whose TLS handshake takes longest, 95th percentile.', 12, 8,
        [table('topk(20, histogram_quantile(0.95, sum by (target, le) (rate(siptls_phase_duration_seconds_bucket{%s, phase="tls"}[$__rate_interval]))))' % S)],
        [column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]), column('Value', title='Handshake', unit='s', decimals=3)],
        merge(['Time'], ['target', 'Value'], [('Value', True)], 20))
b.write('fleet.json')

# ---------------------------------------------------------------- target
T = 'target="$target", address=~"$address"'
b = Board('siptls-target', 'SIP TLS: target', 'One target at each of its addresses: verdict, certificates, handshake, SIP, changes.', ['target'],
    [variable_ds(),
     variable('target', 'Target', 'label_values(siptls_verdict, target)', multi=False),
     variable('address', 'Address', 'label_values(siptls_verdict{target="$target"}, address)'),
     variable_page()],
    [{"name": "Changes", "enable": True, "hide": False, "iconColor": PURPLE, "datasource": DS, "expr": 'siptls_last_change_timestamp_seconds{target="$target"} * 1000',
      "step": "60s", "useValueForTime": True, "titleFormat": "{{aspect}} changed", "textFormat": "{{address}}", "tagKeys": "aspect"},
     {"name": "Maintenance", "enable": True, "hide": False, "iconColor": SKY, "datasource": DS, "expr": 'max(siptls_maintenance{target="$target"}) == 1',
      "step": "60s", "titleFormat": "maintenance window", "textFormat": "alerts keep quiet", "tagKeys": ""}])
b.row('Now')
b.stat('Verdict', 'The verdict of the last routine probe, for each address.', 6, rank(T, 'address'), mappings=VERDICTS, legend='{{address}}', colour='background')
b.stat('Client certificate', 'Whether the endpoint asks for a client certificate, for each address.', 6, mode(T, 'address'), mappings=MODES, legend='{{address}}', colour='background')
b.stat('Certificate ends in', 'Time until the endpoint\'s own certificate ends; the shortest of its addresses.', 3,
       'min(siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()' % T, unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='not seen')
b.stat('First removal in', 'Time until the first load balancer that dials this endpoint has no clientAuth any more; negative when that has happened.', 3,
       'min(siptls_eku_removal_start_timestamp_seconds{%s}) - time()' % T, unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='not known')
b.stat('Last removal in', 'Time until no load balancer that dials this endpoint can present clientAuth any more.', 3,
       'max(siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()' % T, unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='not known')
b.stat('SIP answers', 'Status code of the last final response to OPTIONS, for each address. Any code shows that a SIP stack is there.', 3,
       'siptls_sip_response_code{%s}' % T, thresholds=steps((None, GREEN), (500, YELLOW)), legend='{{address}}', novalue='no answer')
b.row('Verdict')
b.timeline('Verdict over time', 'The verdict of each address.', 24, 5, [q(rank(T, 'address'), '{{address}}')], VERDICTS)
b.timeline('Checks', 'Each check at the worst of the addresses shown; checks that were skipped have no line.', 24, 12,
           [q('min by (check) (siptls_check_passed{%s} + siptls_check_warning{%s})' % (T, T), '{{check}}')], CHECKS, 30)
b.timeline('Client certificate', 'Whether the endpoint asked for a client certificate.', 12, 5, [q(mode(T, 'address'), '{{address}}')], MODES)
b.timeline('Client identities', 'Which client certificates the last rehearsal found accepted; empty without client identities in the configuration.', 12, 5,
           [q('max by (address, identity) (siptls_client_identity_accepted{%s})' % T, '{{identity}} at {{address}}')], ACCEPTED, novalue='no client identities')
b.row('Certificates')
b.table('Certificates as sent', 'Position 0 is the endpoint\'s own. What is red ends within a week.', 24, 7, [
        table('siptls_certificate_info{%s} * on (instance, target, address, position) group_left () ((siptls_certificate_not_after_timestamp_seconds{%s} - time()) / 86400)' % (T, T))],
        [column('Value', title='Days left', thresholds=DAYS, decimals=0), column('position', title='Position', width=80), column('fingerprint_sha256', title='SHA-256', width=160)],
        merge(['Time', '__name__', 'instance', 'job', 'profile', 'target'], ['address', 'position', 'subject', 'issuer', 'Value', 'serial', 'fingerprint_sha256'], [('position', False)], 40))
b.timeline('Purposes of the certificate', 'Extended key usage of the endpoint\'s own certificate; without the extension there is no line, and any use is allowed.', 12, 6,
           [q('max by (address, purpose) (siptls_certificate_extended_key_usage{%s, position="0"})' % T, '{{purpose}} at {{address}}')], YES_NO)
b.timeline('Chain', 'Whether what is sent leads to a root without a gap, and to one that the caller trusts.', 12, 6,
           [q('min by (address) (siptls_chain_complete{%s})' % T, 'complete at {{address}}'), q('min by (address) (siptls_chain_trusted{%s})' % T, 'trusted at {{address}}')], GOOD_BAD)
b.timeline('Revocation', 'What the revocation lists say of the certificates of the path.', 12, 5,
           [q('max by (address) (3 * siptls_revocation_status{%s, status="not_checked"} or 2 * siptls_revocation_status{%s, status="revoked"} or 1 * siptls_revocation_status{%s, status="unknown"} or 0 * siptls_revocation_status{%s, status="good"})' % (T, T, T, T), '{{address}}')], REVOCATION)
b.series('Revocation list valid for', 'Time until the earliest of the revocation lists ends; it is fetched anew before.', 6, 5,
         [q('siptls_crl_next_update_timestamp_seconds{%s} - time()' % T, '{{address}}')], 's')
b.table('Trusted root', 'The root that the chain leads to.', 6, 5, [table('max by (address, name, subject_hash) (siptls_trust_anchor_info{%s})' % T)],
        [column('name', title='Root'), column('subject_hash', title='Hash', width=100)], merge(['Time', 'Value'], ['address', 'name', 'subject_hash'], limit=20), novalue='none is reached')
b.row('Handshake')
b.table('Negotiated', 'Version, suite and curve that the endpoint picked in the last routine probe.', 12, 6, [table('max by (address, version, cipher_suite, group) (siptls_negotiated_info{%s})' % T)],
        [column('cipher_suite', title='Suite')], merge(['Time', 'Value'], ['address', 'version', 'cipher_suite', 'group'], limit=20))
b.series('CA names in the request', 'Names of authorities in the endpoint\'s CertificateRequest.', 12, 6, [q('siptls_client_certificate_authorities{%s}' % T, '{{address}}')], 'none')
b.timeline('Accepted suites', 'What the last survey found; a suite that it did not find out has no line.', 24, 8,
           [q('min by (cipher_suite) (siptls_cipher_suite_accepted{%s})' % T, '{{cipher_suite}}')], ACCEPTED)
b.timeline('Accepted versions', 'What the last survey found.', 12, 6, [q('min by (version) (siptls_version_accepted{%s})' % T, '{{version}}')], ACCEPTED)
b.timeline('Accepted curves', 'What the last survey found.', 12, 6, [q('min by (group) (siptls_group_accepted{%s})' % T, '{{group}}')], ACCEPTED)
b.row('Visits')
b.series('Times', 'Median and 95th percentile of each phase of routine probes.', 12, 8, [
    q('histogram_quantile(0.5, sum by (phase, le) (rate(siptls_phase_duration_seconds_bucket{%s}[$__rate_interval])))' % T, '{{phase}} median'),
    q('histogram_quantile(0.95, sum by (phase, le) (rate(siptls_phase_duration_seconds_bucket{%s}[$__rate_interval])))' % T, '{{phase}} 95 %')], 's', fill=0)
b.add('heatmap', 'Handshake times', 'How long the TLS handshake took: each cell counts routine probes.', 12, 8,
      [q('sum by (le) (increase(siptls_phase_duration_seconds_bucket{%s, phase="tls"}[$__rate_interval]))' % T, '{{le}}', fmt='heatmap')],
      {"calculate": False, "cellGap": 1, "color": {"mode": "scheme", "scheme": "Cividis", "steps": 32, "exponent": 0.5, "fill": BLUE, "reverse": False},
       "exemplars": {"color": RED}, "filterValues": {"le": 0.001}, "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
       "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False}, "yAxis": {"axisPlacement": "left", "unit": "s"}}, {})
b.series('Visits by outcome', 'Routine probes per minute by how they ended.', 12, 8, [q('sum by (reason) (rate(siptls_probes_total{%s}[$__rate_interval])) * 60 > 0' % T, '{{reason}}')], stack=True)
b.series('Connections', 'Connections per hour that visits and surveys made, what the budget leaves within the hour, and the pause under way.', 12, 8, [
    q('sum by (address) (rate(siptls_connections_total{%s}[$__rate_interval])) * 3600' % T, 'made per hour, {{address}}'),
    q('siptls_connection_budget_remaining{%s}' % T, 'left, {{address}}'),
    q('siptls_backoff_seconds{%s}' % T, 'pause in seconds, {{address}}')], 'none', fill=0)
b.series('Age of what is known', 'Time since the last routine probe and since the last survey.', 12, 6, [
    q('time() - siptls_last_probe_timestamp_seconds{%s}' % T, 'probe, {{address}}'), q('time() - siptls_last_survey_timestamp_seconds{%s}' % T, 'survey, {{address}}')], 's', fill=0)
b.timeline('Reached', 'Whether the last routine probe read a whole server flight.', 12, 6, [q('siptls_up{%s}' % T, '{{address}}')], GOOD_BAD)
b.write('target.json')

# ---------------------------------------------------------------- load balancers
L = 'profile="genesys-byoc-cloud", region=~"$region"'
b = Board('siptls-load-balancers', 'SIP TLS: load balancers', 'The platform\'s side: what the load balancers of each region present, and until when.', ['load-balancers'],
    [variable_ds(), variable('region', 'Region', 'label_values(siptls_verdict{profile="genesys-byoc-cloud"}, region)'), variable_adhoc(), variable_page()], start='now-7d')
CA = 'siptls_certificate_extended_key_usage{%s, position="0", purpose="client_auth"}' % L
b.row('Now')
b.stat('Load balancers', 'Names that are watched.', 4, 'count(count by (target) (siptls_verdict{%s}))' % L)
b.stat('Seen', 'Names of which the last probe read a whole server flight.', 4, 'count(max by (target) (siptls_up{%s}) == 1)' % L)
b.stat('With clientAuth', 'Addresses whose certificate may still be used as client certificate.', 4, 'sum(%s)' % CA)
b.stat('Without clientAuth', 'Addresses whose certificate has lost clientAuth: endpoints that insist on a client certificate refuse their calls.', 4, 'sum(1 - %s)' % CA, thresholds=steps((None, GREEN), (1, ORANGE)))
b.stat('First removal in', 'Time until the first of them has no clientAuth any more, by the certificates seen; negative when that has happened.', 4, 'min(siptls_eku_removal_start_timestamp_seconds{%s}) - time()' % L, unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='not known')
b.stat('Last removal in', 'Time until none of them has clientAuth any more, at the latest.', 4, 'max(siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()' % L, unit='s', thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)), novalue='not known')
b.row('By region')
b.table('Regions', 'For each region: load balancers with and without clientAuth, names not reached, dates, and how many different roots, suites and purposes its addresses show. More than one is a disagreement.', 24, 9, [
    table('sum by (region) (%s)' % CA), table('sum by (region) (1 - %s)' % CA), table('sum by (region) (1 - max by (region, target) (siptls_up{%s}))' % L),
    table('(min by (region) (siptls_eku_removal_start_timestamp_seconds{%s}) - time()) / 86400' % L),
    table('(max by (region) (siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()) / 86400' % L),
    table('(min by (region) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % L),
    table('count by (region) (count by (region, subject_hash) (siptls_trust_anchor_info{%s}))' % L),
    table('count by (region) (count by (region, cipher_suite) (siptls_negotiated_info{%s}))' % L),
    table('count by (region) (count_values by (region) ("usage", %s))' % CA)],
  [column('region', title='Region'), column('Value #A', title='With clientAuth', decimals=0), column('Value #B', title='Without', thresholds=steps((None, GREEN), (1, ORANGE)), decimals=0),
   column('Value #C', title='Not reached', thresholds=steps((None, GREEN), (1, GREY)), decimals=0), column('Value #D', title='Days to first removal', thresholds=DAYS, decimals=0),
   column('Value #E', title='Days to last removal', thresholds=DAYS, decimals=0), column('Value #F', title='Certificate, days left', thresholds=DAYS, decimals=0),
   column('Value #G', title='Roots', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0), column('Value #H', title='Suites', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0),
   column('Value #I', title='Usages', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0)],
  merge(['Time'], ['region'] + ['Value #' + c for c in 'ABCDEFGHI'], [('Value #D', False)], 40))
b.row('Each load balancer')
LB = 'target, address, region, confirmed'
b.table('Load balancers', 'The hundred nearest to their removal day. `confirmed` is `no` where the name was inferred and a name that does not resolve is no alarm.', 24, 12, [
    table('max by (%s) (siptls_certificate_extended_key_usage{%s, position="0", purpose="server_auth"})' % (LB, L)),
    table('max by (%s) (%s)' % (LB, CA)),
    table('(min by (%s) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % (LB, L)),
    table('(max by (%s) (siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()) / 86400' % (LB, L)),
    table(rank(L, LB)),
    table('max by (%s, name) (siptls_trust_anchor_info{%s})' % (LB, L)),
    table('max by (%s, cipher_suite) (siptls_negotiated_info{%s})' % (LB, L))],
  [column('target', title='Load balancer', links=[BOARD_LINK, PAGE_LINK]), column('address', title='Address'), column('Value #A', title='serverAuth', mappings=YES_NO), column('Value #B', title='clientAuth', mappings=YES_NO),
   column('Value #C', title='Certificate, days left', thresholds=DAYS, decimals=0), column('Value #D', title='Days to removal', thresholds=DAYS, decimals=0), column('Value #E', title='Verdict', mappings=VERDICTS),
   column('name', title='Root'), column('cipher_suite', title='Suite')],
  merge(['Time', 'Value #F', 'Value #G'], ['region', 'target', 'address', 'confirmed', 'Value #E', 'Value #B', 'Value #A', 'Value #D', 'Value #C', 'name', 'cipher_suite'], [('Value #D', False)]))
b.timeline('clientAuth over time', 'Whether each certificate may be used as client certificate.', 24, 10, [q('max by (region, target) (%s)' % CA, '{{region}} {{target}}')], YES_NO, 30)
b.row('What they speak and who signed')
b.bars('Accepted suites', 'Share of the addresses at which a survey found the suite accepted.', 12, 9, 'avg by (cipher_suite) (siptls_cipher_suite_accepted{%s})' % L, '{{cipher_suite}}', unit='percentunit', mx=1)
b.bars('Roots', 'Addresses by the root that their chain leads to.', 12, 9, 'count by (name, subject_hash) (siptls_trust_anchor_info{%s})' % L, '{{name}} [{{subject_hash}}]')
b.bars('Certificates that end first', 'Days left of the load balancers\' own certificates, the thirty shortest.', 12, 10,
       'bottomk(30, (min by (target) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400)' % L, '{{target}}', DAYS, 'none')
b.bars('Not reached, by reason', 'Routine probes of the last hour that ended before SIP was answered, by reason.', 12, 10,
       'topk(15, sum by (reason) (increase(siptls_probes_total{%s, reason!~"ok|postponed"}[1h])) > 0)' % L, '{{reason}}', steps((None, ORANGE)))
b.write('load-balancers.json')

# ---------------------------------------------------------------- daemon
J = 'job=~"$job", instance=~"$instance"'
b = Board('siptls-daemon', 'SIP TLS: daemon', 'siptls-probe itself: whether it runs, keeps its schedule, and what it costs.', ['daemon'],
    [variable_ds(), variable('job', 'Job', 'label_values(siptls_build_info, job)'), variable('instance', 'Instance', 'label_values(siptls_build_info{job=~"$job"}, instance)')], start='now-6h')
b.row('Now')
b.stat('Up', 'Whether Prometheus reaches the daemon.', 3, 'up{%s}' % J, mappings=GOOD_BAD, legend='{{instance}}', colour='background')
b.stat('Version', 'The program\'s version.', 3, 'siptls_build_info{%s}' % J, legend='{{version}}', text='name')
b.stat('Targets', 'Targets in the configuration in use.', 3, 'sum(siptls_targets{%s})' % J)
b.stat('Running for', 'Time since the start of the process.', 3, 'time() - process_start_time_seconds{%s}' % J, unit='s', legend='{{instance}}')
b.stat('Configuration', 'Whether the last attempt to load the configuration succeeded.', 3, 'siptls_config_last_reload_successful{%s}' % J, mappings=GOOD_BAD, legend='{{instance}}', colour='background')
b.stat('Loaded', 'Age of the configuration in use.', 3, 'time() - siptls_config_last_reload_success_timestamp_seconds{%s}' % J, unit='s', legend='{{instance}}')
b.stat('Journal', 'Whether the journal\'s last attempt to open, write or prune succeeded.', 3, 'siptls_journal_healthy{%s}' % J, mappings=GOOD_BAD, legend='{{instance}}', colour='background', novalue='no journal')
b.stat('Stale addresses', 'Addresses whose last routine probe ended more than ten minutes ago, or three intervals with a longer one.', 3, 'count(time() - siptls_last_probe_timestamp_seconds{%s} > 600) or vector(0)' % J, thresholds=steps((None, GREEN), (1, ORANGE)))
b.row('Schedule')
b.series('Lateness', 'How late routine probes begin. A slot that passed while the last probe was running counts one interval.', 12, 8, [
    q('histogram_quantile(0.5, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))' % J, 'median, {{instance}}'),
    q('histogram_quantile(0.95, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))' % J, '95 %, {{instance}}'),
    q('histogram_quantile(0.99, sum by (instance, le) (rate(siptls_schedule_lag_seconds_bucket{%s}[$__rate_interval])))' % J, '99 %, {{instance}}')], 's', fill=0)
b.series('Probes under way', 'Routine ones and those of /probe.', 12, 8, [q('siptls_probes_in_flight{%s}' % J, '{{instance}}')], 'none')
b.series('Probes', 'Routine probes per second by how they ended.', 12, 8, [q('sum by (reason) (rate(siptls_probes_total{%s}[$__rate_interval])) > 0' % J, '{{reason}}')], 'ops', True)
b.series('Connections', 'TCP connections per second that visits and surveys opened.', 12, 8, [q('sum by (instance) (rate(siptls_connections_total{%s}[$__rate_interval]))' % J, '{{instance}}')], 'cps')
b.row('What it costs')
b.series('CPU', 'Cores in use.', 8, 8, [q('rate(process_cpu_seconds_total{%s}[$__rate_interval])' % J, '{{instance}}')], 'none')
b.series('Memory', 'Resident memory.', 8, 8, [q('process_resident_memory_bytes{%s}' % J, '{{instance}}')], 'bytes')
b.series('Open files', 'Open file descriptors and their limit. Every probe under way needs one.', 8, 8, [q('process_open_fds{%s}' % J, 'open, {{instance}}'), q('process_max_fds{%s}' % J, 'limit, {{instance}}')], 'none', fill=0)
b.series('Threads', 'Threads of the process.', 8, 7, [q('process_threads{%s}' % J, '{{instance}}')], 'none')
b.series('Scrape time', 'How long Prometheus waits for the metrics.', 8, 7, [q('scrape_duration_seconds{%s}' % J, '{{instance}}')], 's')
b.series('Series', 'Samples of the last scrape, and series per second left out because a target had more than its limit.', 8, 7, [
    q('scrape_samples_scraped{%s}' % J, 'scraped, {{instance}}'), q('rate(siptls_series_dropped_total{%s}[$__rate_interval])' % J, 'dropped, {{instance}}')], 'none', fill=0)
b.row('Journal')
b.series('Changes', 'Changes per minute: written, lost because the queue was full or the disk was, and attempts that failed.', 12, 8, [
    q('rate(siptls_journal_writes_total{%s}[$__rate_interval]) * 60' % J, 'written, {{instance}}'),
    q('rate(siptls_journal_dropped_total{%s}[$__rate_interval]) * 60' % J, 'lost, {{instance}}'),
    q('rate(siptls_journal_failures_total{%s}[$__rate_interval]) * 60' % J, 'attempts failed, {{instance}}')], 'none', fill=0)
b.series('Size', 'Bytes of the journal\'s file and its write-ahead log.', 12, 8, [q('siptls_journal_size_bytes{%s}' % J, '{{instance}}')], 'bytes')
b.row('Revocation lists')
b.series('Fetches', 'Attempts per minute to fetch a revocation list, by how they ended.', 12, 8, [q('sum by (result) (rate(siptls_crl_fetches_total{%s}[$__rate_interval])) * 60' % J, '{{result}}')], 'none')
b.series('Lists at hand', 'Bytes of the revocation lists at hand.', 12, 8, [q('siptls_crl_cache_bytes{%s}' % J, '{{instance}}')], 'bytes')
b.write('daemon.json')
