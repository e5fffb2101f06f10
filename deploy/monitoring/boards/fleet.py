"""Who breaks when, and why."""

from .kit import (
    BOARD_LINK,
    Board,
    DAYS,
    GREEN,
    GREY,
    MODES,
    ORANGE,
    PAGE_LINK,
    RED,
    VERDICTS,
    YELLOW,
    column,
    merge,
    mode,
    q,
    rank,
    series_colour,
    steps,
    table,
    variable,
    variable_adhoc,
    variable_ds,
    variable_page,
)

S = 'profile=~"$profile", target=~"$target"'


def asking(expr):
    return (
        '%s and on (target, address) (max by (target, address) (siptls_client_certificate_mode{%s, mode=~"optional|required"}) == 1)'
        % (expr, S)
    )


b = BOARD = Board(
    'siptls-fleet',
    'SIP TLS: fleet',
    'Every endpoint that is watched: which calls break, when, and why.',
    ['fleet'],
    [
        variable_ds(),
        variable('profile', 'Profile', 'label_values(siptls_verdict, profile)'),
        variable('target', 'Target', 'label_values(siptls_verdict{profile=~"$profile"}, target)'),
        variable_adhoc(),
        variable_page(),
    ],
)
b.row('Now')
b.stat(
    'Targets',
    'Targets that are watched, whatever their number of addresses.',
    3,
    'count(count by (target) (siptls_verdict{%s}))' % S,
)
b.stat(
    'Calls fail now',
    'Addresses with the verdict fail: the next call does not connect.',
    3,
    'sum(siptls_verdict{%s, verdict="fail"})' % S,
    thresholds=steps((None, GREEN), (1, RED)),
)
b.stat(
    'Something to do',
    'Addresses with the verdict warn: calls connect today, with a reason to act.',
    3,
    'sum(siptls_verdict{%s, verdict="warn"})' % S,
    thresholds=steps((None, GREEN), (1, YELLOW)),
)
b.stat(
    'Not known',
    'Addresses with the verdict inconclusive: not enough was seen to say.',
    3,
    'sum(siptls_verdict{%s, verdict="inconclusive"})' % S,
    thresholds=steps((None, GREEN), (1, GREY)),
)
b.stat(
    'Insist on a client certificate',
    'Addresses that refuse a caller without a client certificate.',
    3,
    'sum(siptls_client_certificate_mode{%s, mode="required"})' % S,
    thresholds=steps((None, GREEN), (1, RED)),
)
b.stat(
    'Ask for one',
    'Addresses that ask for a client certificate and go on without one.',
    3,
    'sum(siptls_client_certificate_mode{%s, mode="optional"})' % S,
    thresholds=steps((None, GREEN), (1, YELLOW)),
)
b.stat(
    'First removal',
    'Time until the first load balancer that dials an endpoint which asks for a client certificate has no clientAuth any more; negative when that has happened.',
    3,
    'min(%s) - time()' % asking('max by (target, address) (siptls_eku_removal_start_timestamp_seconds{%s})' % S),
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='nobody asks',
)
b.stat(
    'Alerts firing',
    'Alerts of this program that fire.',
    3,
    'count(ALERTS{alertname=~"SipTls.+", alertstate="firing", severity!="none"}) or vector(0)',
    thresholds=steps((None, GREEN), (1, RED)),
)
b.row('Who breaks when')
DAYS_LEFT = (
    'label_replace((%s), "what", "removal", "", "") or label_replace(min by (target, address) '
    '(siptls_certificate_not_after_timestamp_seconds{%s, position="0"}), "what", "certificate", "", "")'
)


def worst(sel):
    """By verdict, and within one verdict by the nearest date: what the table is sorted by."""
    removal = asking('max by (target, address) (siptls_eku_removal_start_timestamp_seconds{%s})' % sel)
    days = 'clamp((min by (target, address) (%s) - time()) / 86400, -9999, 9999)' % (DAYS_LEFT % (removal, sel))
    return '(100000 * %s - %s) or (100000 * %s - 9999)' % (rank(sel), days, rank(sel))


COLS = ['target', 'address', 'Value #A', 'Value #B', 'Value #C', 'Value #D', 'Value #E', 'Value #F', 'Value #G', 'profile']
b.table(
    'Worst first',
    'The hundred worst addresses: verdict first, then the nearest date. The name of a target leads to its board and to its page, which says what to change.',
    24,
    14,
    [
        # Labels that more than one query has are the key by which rows are joined: `profile` is in the first alone.
        table(rank(S, 'target, address, profile')),
        table(mode(S)),
        table(
            '((%s) - time()) / 86400' % asking('max by (target, address) (siptls_eku_removal_start_timestamp_seconds{%s})' % S)
        ),
        table(
            '((%s) - time()) / 86400'
            % asking('max by (target, address) (siptls_eku_removal_deadline_timestamp_seconds{%s})' % S)
        ),
        table(
            '(min by (target, address) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % S
        ),
        table('max by (target, address) (siptls_last_change_timestamp_seconds{%s, address!=""}) * 1000' % S),
        table(
            'count by (target, address) (ALERTS{alertname=~"SipTls.+", alertstate="firing", target=~"$target", address!=""})'
        ),
        table(worst(S)),
    ],
    [
        column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]),
        column('address', title='Address'),
        column('profile', title='Profile'),
        column('Value #A', title='Verdict', mappings=VERDICTS, width=110),
        column('Value #B', title='Client certificate', mappings=MODES, width=140),
        column('Value #C', title='Days to first removal', thresholds=DAYS, decimals=0),
        column('Value #D', title='Days to last removal', thresholds=DAYS, decimals=0),
        column('Value #E', title='Certificate, days left', thresholds=DAYS, decimals=0),
        column('Value #F', title='Last change', unit='dateTimeFromNow'),
        column('Value #G', title='Alerts', thresholds=steps((None, GREEN), (1, RED)), decimals=0, width=80),
    ],
    merge(['Time', 'Value #H'], COLS, ('Value #H', True)),
)
b.row('Why')
b.bars(
    'Checks that fail',
    'Checks by the number of addresses at which they fail, the most frequent fifteen. `siptls-probe explain CHECK` says what to do.',
    12,
    9,
    'topk(15, count by (check, severity) (siptls_check_passed{%s} == 0))' % S,
    '{{check}} ({{severity}})',
    steps((None, RED)),
)
b.bars(
    'Checks that warn',
    'Checks by the number of addresses at which they warn, the most frequent fifteen.',
    12,
    9,
    'topk(15, count by (check, severity) (siptls_check_warning{%s} == 1))' % S,
    '{{check}} ({{severity}})',
    steps((None, YELLOW)),
)
b.table(
    'Alerts that fire',
    'The fifty alerts of this program that fire, with severity and target.',
    12,
    9,
    [table('topk(50, max by (alertname, severity, target, address) (ALERTS{alertname=~"SipTls.+", alertstate="firing"}))')],
    [
        column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]),
        column('alertname', title='Alert'),
        column('severity', title='Severity'),
        column('address', title='Address'),
    ],
    merge(['Time', 'Value'], ['severity', 'alertname', 'target', 'address'], limit=50),
    novalue='none fires',
)
b.series(
    'Verdicts',
    'Addresses by verdict.',
    12,
    9,
    [q('sum by (verdict) (siptls_verdict{%s})' % S, '{{verdict}}')],
    'none',
    True,
    [
        series_colour('pass', GREEN),
        series_colour('warn', YELLOW),
        series_colour('inconclusive', GREY),
        series_colour('fail', RED),
    ],
)
b.row('Signs of trouble on the way')
b.series(
    'Visits that stop short',
    'Routine probes per minute that ended before SIP was answered, by reason; the ten most frequent.',
    12,
    8,
    [
        q(
            'topk(10, sum by (reason) (rate(siptls_probes_total{%s, reason!~"ok|postponed"}[$__rate_interval]))) * 60' % S,
            '{{reason}}',
        )
    ],
)
b.table(
    'Slowest handshakes',
    'The twenty targets whose TLS handshake takes longest, 95th percentile.',
    12,
    8,
    [
        table(
            'topk(20, histogram_quantile(0.95, sum by (target, le) (rate(siptls_phase_duration_seconds_bucket{%s, phase="tls"}[$__rate_interval]))))'
            % S
        )
    ],
    [column('target', title='Target', links=[BOARD_LINK, PAGE_LINK]), column('Value', title='Handshake', unit='s', decimals=3)],
    merge(['Time'], ['target', 'Value'], ('Value', True), 20),
)
