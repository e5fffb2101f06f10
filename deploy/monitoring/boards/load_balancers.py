"""The platform's side, by region."""

from .kit import (
    BOARD_LINK,
    Board,
    DAYS,
    GREEN,
    GREY,
    ORANGE,
    PAGE_LINK,
    RED,
    VERDICTS,
    YELLOW,
    YES_NO,
    column,
    merge,
    q,
    rank,
    steps,
    table,
    variable,
    variable_adhoc,
    variable_ds,
    variable_page,
)

L = 'profile="genesys-byoc-cloud", region=~"$region"'
b = BOARD = Board(
    'siptls-load-balancers',
    'SIP TLS: load balancers',
    'The platform\'s side: what the load balancers of each region present, and until when.',
    ['load-balancers'],
    [
        variable_ds(),
        variable('region', 'Region', 'label_values(siptls_verdict{profile="genesys-byoc-cloud"}, region)'),
        variable_adhoc(),
        variable_page(),
    ],
    start='now-7d',
)
CA = 'siptls_certificate_extended_key_usage{%s, position="0", purpose="client_auth"}' % L
b.row('Now')
b.stat('Load balancers', 'Names that are watched.', 4, 'count(count by (target) (siptls_verdict{%s}))' % L)
b.stat(
    'Seen', 'Names of which the last probe read a whole server flight.', 4, 'count(max by (target) (siptls_up{%s}) == 1)' % L
)
b.stat('With clientAuth', 'Addresses whose certificate may still be used as client certificate.', 4, 'sum(%s)' % CA)
b.stat(
    'Without clientAuth',
    'Addresses whose certificate has lost clientAuth: endpoints that insist on a client certificate refuse their calls.',
    4,
    'sum(1 - %s)' % CA,
    thresholds=steps((None, GREEN), (1, ORANGE)),
)
b.stat(
    'First removal in',
    'Time until the first of them has no clientAuth any more, by the certificates seen; negative when that has happened.',
    4,
    'min(siptls_eku_removal_start_timestamp_seconds{%s}) - time()' % L,
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='not known',
)
b.stat(
    'Last removal in',
    'Time until none of them has clientAuth any more, at the latest.',
    4,
    'max(siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()' % L,
    unit='s',
    thresholds=steps((None, RED), (604800, ORANGE), (2592000, YELLOW), (7776000, GREEN)),
    novalue='not known',
)
b.row('By region')
b.table(
    'Regions',
    'For each region: load balancers with and without clientAuth, names not reached, dates, and how many different roots, suites and purposes its addresses show. More than one is a disagreement.',
    24,
    9,
    [
        table('sum by (region) (%s)' % CA),
        table('sum by (region) (1 - %s)' % CA),
        table('sum by (region) (1 - max by (region, target) (siptls_up{%s}))' % L),
        table('(min by (region) (siptls_eku_removal_start_timestamp_seconds{%s}) - time()) / 86400' % L),
        table('(max by (region) (siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()) / 86400' % L),
        table('(min by (region) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % L),
        table('count by (region) (count by (region, subject_hash) (siptls_trust_anchor_info{%s}))' % L),
        table('count by (region) (count by (region, cipher_suite) (siptls_negotiated_info{%s}))' % L),
        table('count by (region) (count_values by (region) ("usage", %s))' % CA),
    ],
    [
        column('region', title='Region'),
        column('Value #A', title='With clientAuth', decimals=0),
        column('Value #B', title='Without', thresholds=steps((None, GREEN), (1, ORANGE)), decimals=0),
        column('Value #C', title='Not reached', thresholds=steps((None, GREEN), (1, GREY)), decimals=0),
        column('Value #D', title='Days to first removal', thresholds=DAYS, decimals=0),
        column('Value #E', title='Days to last removal', thresholds=DAYS, decimals=0),
        column('Value #F', title='Certificate, days left', thresholds=DAYS, decimals=0),
        column('Value #G', title='Roots', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0),
        column('Value #H', title='Suites', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0),
        column('Value #I', title='Usages', thresholds=steps((None, GREEN), (2, ORANGE)), decimals=0),
    ],
    merge(['Time'], ['region'] + ['Value #' + c for c in 'ABCDEFGHI'], ('Value #D', False), 40),
)
b.row('Each load balancer')
LB = 'target, address, region, confirmed'
b.table(
    'Load balancers',
    'The hundred nearest to their removal day. `confirmed` is `no` where the name was inferred and a name that does not resolve is no alarm.',
    24,
    12,
    [
        table('max by (%s) (siptls_certificate_extended_key_usage{%s, position="0", purpose="server_auth"})' % (LB, L)),
        table('max by (%s) (%s)' % (LB, CA)),
        table('(min by (%s) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400' % (LB, L)),
        table('(max by (%s) (siptls_eku_removal_deadline_timestamp_seconds{%s}) - time()) / 86400' % (LB, L)),
        table(rank(L, LB)),
        table('max by (%s, name) (siptls_trust_anchor_info{%s})' % (LB, L)),
        table('max by (%s, cipher_suite) (siptls_negotiated_info{%s})' % (LB, L)),
    ],
    [
        column('target', title='Load balancer', links=[BOARD_LINK, PAGE_LINK]),
        column('address', title='Address'),
        column('Value #A', title='serverAuth', mappings=YES_NO),
        column('Value #B', title='clientAuth', mappings=YES_NO),
        column('Value #C', title='Certificate, days left', thresholds=DAYS, decimals=0),
        column('Value #D', title='Days to removal', thresholds=DAYS, decimals=0),
        column('Value #E', title='Verdict', mappings=VERDICTS),
        column('name', title='Root'),
        column('cipher_suite', title='Suite'),
    ],
    merge(
        ['Time', 'Value #F', 'Value #G'],
        [
            'region',
            'target',
            'address',
            'confirmed',
            'Value #E',
            'Value #B',
            'Value #A',
            'Value #D',
            'Value #C',
            'name',
            'cipher_suite',
        ],
        ('Value #D', False),
    ),
)
b.timeline(
    'clientAuth over time',
    'Whether each certificate may be used as client certificate.',
    24,
    10,
    [q('max by (region, target) (%s)' % CA, '{{region}} {{target}}')],
    YES_NO,
    30,
)
b.row('What they speak and who signed')
b.bars(
    'Accepted suites',
    'Share of the addresses at which a survey found the suite accepted.',
    12,
    9,
    'avg by (cipher_suite) (siptls_cipher_suite_accepted{%s})' % L,
    '{{cipher_suite}}',
    unit='percentunit',
    mx=1,
)
b.bars(
    'Roots',
    'Addresses by the root that their chain leads to.',
    12,
    9,
    'count by (name, subject_hash) (siptls_trust_anchor_info{%s})' % L,
    '{{name}} [{{subject_hash}}]',
)
b.bars(
    'Certificates that end first',
    'Days left of the load balancers\' own certificates, the thirty shortest.',
    12,
    10,
    'bottomk(30, (min by (target) (siptls_certificate_not_after_timestamp_seconds{%s, position="0"}) - time()) / 86400)' % L,
    '{{target}}',
    DAYS,
    'none',
)
b.bars(
    'Not reached, by reason',
    'Routine probes of the last hour that ended before SIP was answered, by reason.',
    12,
    10,
    'topk(15, sum by (reason) (increase(siptls_probes_total{%s, reason!~"ok|postponed"}[1h])) > 0)' % L,
    '{{reason}}',
    steps((None, ORANGE)),
)
