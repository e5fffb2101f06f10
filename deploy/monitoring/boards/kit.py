"""What the boards are put together from: colours, states, variables, panels by kind, tables that join queries."""

import json

DS = {"type": "prometheus", "uid": "${datasource}"}
# Okabe-Ito: told apart by people who see colours differently.
GREEN, YELLOW, ORANGE, RED, BLUE, GREY, PURPLE, SKY = (
    '#009E73',
    '#F0E442',
    '#E69F00',
    '#D55E00',
    '#0072B2',
    '#999999',
    '#CC79A7',
    '#56B4E9',
)


def ref(i):
    return chr(ord('A') + i)


def q(expr, legend=None, instant=False, fmt='time_series'):
    t = {"datasource": DS, "expr": expr, "format": fmt, "instant": instant, "range": not instant}
    if legend is not None:
        t["legendFormat"] = legend
    return t


def table(expr):
    return q(expr, None, True, 'table')


def steps(*pairs):
    return {"mode": "absolute", "steps": [{"color": c, "value": v} for v, c in pairs]}


def mapping(*rows):
    return [
        {
            "type": "value",
            "options": {str(v): {"text": text, "color": colour, "index": i} for i, (v, text, colour) in enumerate(rows)},
        }
    ]


VERDICTS = mapping((0, 'pass', GREEN), (1, 'warn', YELLOW), (2, 'inconclusive', GREY), (3, 'fail', RED))
MODES = mapping((0, 'not requested', GREEN), (1, 'unknown', GREY), (2, 'optional', YELLOW), (3, 'required', RED))
YES_NO = mapping((0, 'no', ORANGE), (1, 'yes', BLUE))
GOOD_BAD = mapping((0, 'no', RED), (1, 'yes', GREEN))
CHECKS = mapping((0, 'fail', RED), (1, 'pass', GREEN), (2, 'warn', YELLOW))
ACCEPTED = mapping((0, 'refused', GREY), (1, 'accepted', BLUE))
REVOCATION = mapping((0, 'good', GREEN), (1, 'unknown', YELLOW), (2, 'revoked', RED), (3, 'not checked', GREY))
DAYS = steps((None, RED), (7, ORANGE), (30, YELLOW), (90, GREEN))


def rank(sel, by='target, address'):
    def one(v):
        return 'siptls_verdict{%s, verdict="%s"}' % (sel, v)

    return 'max by (%s) (3 * %s or 2 * %s or 1 * %s or 0 * %s)' % (
        by,
        one('fail'),
        one('inconclusive'),
        one('warn'),
        one('pass'),
    )


def mode(sel, by='target, address'):
    def one(v):
        return 'siptls_client_certificate_mode{%s, mode="%s"}' % (sel, v)

    return 'max by (%s) (3 * %s or 2 * %s or 1 * %s or 0 * %s)' % (
        by,
        one('required'),
        one('optional'),
        one('unknown'),
        one('not_requested'),
    )


class Board:
    def __init__(self, uid, title, description, tags, variables, annotations=(), refresh='1m', start='now-24h'):
        self.d = {
            "uid": uid,
            "title": title,
            "description": description,
            "tags": ["siptls"] + tags,
            "schemaVersion": 39,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "browser",
            "refresh": refresh,
            "time": {"from": start, "to": "now"},
            "links": [
                {
                    "title": "SIP TLS",
                    "type": "dashboards",
                    "tags": ["siptls"],
                    "asDropdown": False,
                    "icon": "external link",
                    "includeVars": True,
                    "keepTime": True,
                    "targetBlank": False,
                    "tooltip": "The other boards",
                    "url": "",
                }
            ],
            "annotations": {"list": list(annotations)},
            "templating": {"list": variables},
            "panels": [],
        }
        self.x = self.y = self.h = 0
        self.id = 0

    def row(self, title):
        self.flush()
        self.id += 1
        self.d["panels"].append(
            {
                "id": self.id,
                "type": "row",
                "title": title,
                "collapsed": False,
                "gridPos": {"h": 1, "w": 24, "x": 0, "y": self.y},
                "panels": [],
            }
        )
        self.y += 1

    def flush(self):
        self.y += self.h
        self.x = self.h = 0

    def add(
        self,
        kind,
        title,
        description,
        w,
        h,
        targets,
        options,
        defaults,
        overrides=(),
        transformations=(),
        links=(),
        custom=None,
    ):
        if self.x + w > 24:
            self.flush()
        self.id += 1
        if custom is not None:
            defaults = {**defaults, "custom": custom}
        p = {
            "id": self.id,
            "type": kind,
            "title": title,
            "description": description,
            "gridPos": {"h": h, "w": w, "x": self.x, "y": self.y},
            "datasource": DS,
            "targets": [{"refId": ref(i), **t} for i, t in enumerate(targets)],
            "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
            "options": options,
        }
        if transformations:
            p["transformations"] = list(transformations)
        if links:
            p["links"] = list(links)
        self.d["panels"].append(p)
        self.x += w
        self.h = max(self.h, h)

    def stat(
        self,
        title,
        description,
        w,
        expr,
        unit='none',
        thresholds=None,
        mappings=None,
        legend='__auto',
        text='auto',
        novalue=None,
        colour='value',
        decimals=None,
    ):
        d = {"unit": unit, "thresholds": thresholds or steps((None, BLUE)), "mappings": mappings or []}
        if novalue:
            d["noValue"] = novalue
        if decimals is not None:
            d["decimals"] = decimals
        self.add(
            'stat',
            title,
            description,
            w,
            4,
            [q(expr, legend, True)],
            {
                "colorMode": colour,
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "textMode": text,
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "showPercentChange": False,
                "wideLayout": True,
                "percentChangeColorMode": "standard",
            },
            d,
        )

    def series(self, title, description, w, h, targets, unit='short', stack=False, overrides=(), minimum=0, fill=10):
        self.add(
            'timeseries',
            title,
            description,
            w,
            h,
            targets,
            {
                "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
            {"unit": unit, "min": minimum, "color": {"mode": "palette-classic-by-name"}},
            overrides,
            custom={
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 70 if stack else fill,
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"mode": "normal" if stack else "none", "group": "A"},
            },
        )

    def timeline(self, title, description, w, h, targets, mappings, per_page=20, thresholds=None, novalue='nothing seen'):
        self.add(
            'state-timeline',
            title,
            description,
            w,
            h,
            targets,
            {
                "alignValue": "left",
                "mergeValues": True,
                "perPage": per_page,
                "rowHeight": 0.85,
                "showValue": "auto",
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
                "tooltip": {"mode": "single", "sort": "none"},
            },
            {
                "mappings": mappings,
                "color": {"mode": "thresholds"},
                "thresholds": thresholds or steps((None, GREY)),
                "noValue": novalue,
            },
            custom={"fillOpacity": 75, "lineWidth": 0},
        )

    def table(self, title, description, w, h, targets, overrides, transformations, sort=None, novalue='nothing'):
        self.add(
            'table',
            title,
            description,
            w,
            h,
            targets,
            {
                "showHeader": True,
                "cellHeight": "sm",
                "sortBy": [{"displayName": n, "desc": d} for n, d in (sort or [])],
                "frameIndex": 0,
            },
            {"noValue": novalue, "thresholds": steps((None, BLUE))},
            overrides,
            transformations,
            custom={"align": "auto", "filterable": True, "cellOptions": {"type": "auto"}, "inspect": False},
        )

    def bars(self, title, description, w, h, expr, legend, thresholds=None, unit='none', novalue='none', mx=None):
        d = {
            "unit": unit,
            "min": 0,
            "thresholds": thresholds or steps((None, BLUE)),
            "noValue": novalue,
            "color": {"mode": "thresholds"},
        }
        if mx is not None:
            d["max"] = mx
        self.add(
            'bargauge',
            title,
            description,
            w,
            h,
            [q(expr, legend, True)],
            {
                "displayMode": "basic",
                "orientation": "horizontal",
                "showUnfilled": True,
                "valueMode": "text",
                "namePlacement": "left",
                "minVizHeight": 16,
                "minVizWidth": 8,
                "maxVizHeight": 32,
                "sizing": "auto",
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            },
            d,
        )

    def text(self):
        self.flush()
        return json.dumps(self.d, indent=2, ensure_ascii=False) + '\n'


def column(name, *, title=None, unit=None, mappings=None, thresholds=None, width=None, links=None, decimals=None, colour=None):
    p = []
    if title:
        p.append({"id": "displayName", "value": title})
    if unit:
        p.append({"id": "unit", "value": unit})
    if decimals is not None:
        p.append({"id": "decimals", "value": decimals})
    if mappings:
        p.append({"id": "mappings", "value": mappings})
    if thresholds:
        p.append({"id": "thresholds", "value": thresholds})
    if mappings or thresholds or colour:
        p.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
    if width:
        p.append({"id": "custom.width", "value": width})
    if links:
        p.append({"id": "links", "value": links})
    return {"matcher": {"id": "byName", "options": name}, "properties": p}


def series_colour(name, colour):
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": colour}}],
    }


def variable_ds():
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "refresh": 1,
        "regex": "",
        "includeAll": False,
        "multi": False,
        "options": [],
        "skipUrlSync": False,
    }


def variable(name, label, query, multi=True, description=''):
    v = {
        "name": name,
        "label": label,
        "description": description,
        "type": "query",
        "datasource": DS,
        "hide": 0,
        "refresh": 2,
        "sort": 1,
        "regex": "",
        "query": {"query": query, "refId": "variable-" + name},
        "definition": query,
        "multi": multi,
        "includeAll": multi,
        "options": [],
        "skipUrlSync": False,
    }
    if multi:
        v["allValue"] = ".*"
        v["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return v


def variable_adhoc():
    return {
        "name": "filters",
        "label": "Labels",
        "description": "Filters every query by a label of yours, such as site.",
        "type": "adhoc",
        "datasource": DS,
        "hide": 0,
        "skipUrlSync": False,
    }


def variable_page():
    return {
        "name": "page",
        "label": "Daemon's page",
        "description": "Where the daemon's own page is, without a slash at the end.",
        "type": "textbox",
        "query": "http://127.0.0.1:10061",
        "hide": 0,
        "current": {"selected": True, "text": "http://127.0.0.1:10061", "value": "http://127.0.0.1:10061"},
        "options": [{"selected": True, "text": "http://127.0.0.1:10061", "value": "http://127.0.0.1:10061"}],
        "skipUrlSync": False,
    }


BOARD_LINK = {
    "title": "Board of this target",
    "url": "/d/siptls-target/sip-tls-target?var-datasource=${datasource}&var-target=${__data.fields.target:percentencode}&${__url_time_range}",
    "targetBlank": False,
}
PAGE_LINK = {
    "title": "Page of this target: what to change",
    "url": "${page}/targets/${__data.fields.target:percentencode}",
    "targetBlank": True,
}


def merge(excluded, order, sort=None, limit=100):
    """One table of all queries; sorted by one column, which is all that Grafana does, and cut."""
    steps = [{"id": "merge", "options": {}}]
    if sort:
        steps.append({"id": "sortBy", "options": {"fields": {}, "sort": [{"field": sort[0], "desc": sort[1]}]}})
    steps.append({"id": "limit", "options": {"limitField": limit}})
    steps.append(
        {
            "id": "organize",
            "options": {
                "excludeByName": {name: True for name in excluded},
                "includeByName": {},
                "indexByName": {name: index for index, name in enumerate(order)},
                "renameByName": {},
            },
        }
    )
    return steps
