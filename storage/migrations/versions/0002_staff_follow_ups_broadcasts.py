"""Staff, follow-ups, updates and broadcasts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('broadcasts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('body_box', sa.LargeBinary(), nullable=False),
    sa.Column('audience_box', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=True),
    sa.Column('drafted_by', sa.BigInteger(), nullable=False),
    sa.Column('approved_by', sa.BigInteger(), nullable=True),
    sa.Column('drafted_at', sa.BigInteger(), nullable=False),
    sa.Column('approved_at', sa.BigInteger(), nullable=True),
    sa.Column('listed_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('stop_at_percent', sa.SmallInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_broadcasts')),
    sa.UniqueConstraint('handle', name=op.f('uq_broadcasts_handle')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_broadcasts_open', 'broadcasts', ['state', 'id'], unique=False, postgresql_where=sa.text('ended_at IS NULL'), sqlite_where=sa.text('ended_at IS NULL'))
    op.create_table('question_sets',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('body_box', sa.LargeBinary(), nullable=False),
    sa.Column('staff_id', sa.BigInteger(), nullable=False),
    sa.Column('put_on', sa.Integer(), nullable=False),
    sa.Column('retired_on', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_question_sets')),
    sa.UniqueConstraint('handle', 'version', name=op.f('uq_question_sets_handle_version')),
    sqlite_autoincrement=True
    )
    op.create_table('staff',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('login_tag', sa.LargeBinary(), nullable=False),
    sa.Column('profile_box', sa.LargeBinary(), nullable=False),
    sa.Column('role', sa.String(length=16), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('last_step', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('failures', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('locked_until', sa.BigInteger(), nullable=True),
    sa.Column('openings_on', sa.Integer(), nullable=True),
    sa.Column('openings', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('stopped', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('added_on', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff')),
    sa.UniqueConstraint('handle', name=op.f('uq_staff_handle')),
    sa.UniqueConstraint('login_tag', name=op.f('uq_staff_login_tag')),
    sqlite_autoincrement=True
    )
    op.create_table('alerts',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('staff_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('number', sa.Integer(), nullable=True),
    sa.Column('state', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=False),
    sa.Column('put_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_alerts_case_id_cases'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_alerts_staff_id_staff'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alerts')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_alerts_case_id'), 'alerts', ['case_id'], unique=False)
    op.create_index('ix_alerts_due', 'alerts', ['next_at', 'id'], unique=False, postgresql_where=sa.text('state = 0'), sqlite_where=sa.text('state = 0'))
    op.create_index('ix_alerts_kind', 'alerts', ['kind', 'case_id', 'put_at'], unique=False)
    op.create_index(op.f('ix_alerts_staff_id'), 'alerts', ['staff_id'], unique=False)
    op.create_table('broadcast_people',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('broadcast_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.SmallInteger(), nullable=False),
    sa.Column('repeated', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=True),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.Column('next_at', sa.BigInteger(), server_default=sa.text('0'), nullable=False),
    sa.ForeignKeyConstraint(['broadcast_id'], ['broadcasts.id'], name=op.f('fk_broadcast_people_broadcast_id_broadcasts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_broadcast_people')),
    sa.UniqueConstraint('broadcast_id', 'contact_id', name=op.f('uq_broadcast_people_broadcast_id_contact_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_broadcast_people_contact', 'broadcast_people', ['contact_id', 'state'], unique=False)
    op.create_index('ix_broadcast_people_turn', 'broadcast_people', ['broadcast_id', 'state', 'next_at', 'id'], unique=False)
    op.create_table('follow_ups',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('handle', sa.LargeBinary(), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('question_set', sa.String(length=40), nullable=False),
    sa.Column('set_version', sa.Integer(), nullable=False),
    sa.Column('state', sa.SmallInteger(), nullable=False),
    sa.Column('next_at', sa.BigInteger(), nullable=True),
    sa.Column('every_days', sa.Integer(), nullable=True),
    sa.Column('any_day', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('reminded', sa.Boolean(), server_default=sa.text('false'), nullable=False),
    sa.Column('manner_box', sa.LargeBinary(), nullable=False),
    sa.Column('staff_id', sa.BigInteger(), nullable=False),
    sa.Column('put_at', sa.BigInteger(), nullable=False),
    sa.Column('asked_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_follow_ups_case_id_cases')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_follow_ups_contact_id_contacts'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_follow_ups')),
    sa.UniqueConstraint('handle', name=op.f('uq_follow_ups_handle')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_follow_ups_case_id'), 'follow_ups', ['case_id'], unique=False)
    op.create_index(op.f('ix_follow_ups_contact_id'), 'follow_ups', ['contact_id'], unique=False)
    op.create_index('ix_follow_ups_due', 'follow_ups', ['next_at', 'id'], unique=False, postgresql_where=sa.text('next_at IS NOT NULL'), sqlite_where=sa.text('next_at IS NOT NULL'))
    op.create_table('segments',
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('area', sa.String(length=16), nullable=False),
    sa.Column('year', sa.SmallInteger(), nullable=True),
    sa.Column('language', sa.String(length=2), nullable=False),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_segments_case_id_cases'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('case_id', name=op.f('pk_segments'))
    )
    op.create_index('ix_segments_area', 'segments', ['area', 'year'], unique=False)
    op.create_table('staff_links',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('staff_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tag', sa.LargeBinary(), nullable=False),
    sa.Column('address_box', sa.LargeBinary(), nullable=True),
    sa.Column('account', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('put_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['staff_id'], ['staff.id'], name=op.f('fk_staff_links_staff_id_staff'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_staff_links')),
    sa.UniqueConstraint('tag', name=op.f('uq_staff_links_tag')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_staff_links_staff_id'), 'staff_links', ['staff_id'], unique=False)
    op.create_table('updates',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), sa.Identity(always=False), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('since_on', sa.Integer(), nullable=True),
    sa.Column('staff_id', sa.BigInteger(), nullable=False),
    sa.Column('put_at', sa.BigInteger(), nullable=False),
    sa.Column('told_at', sa.BigInteger(), nullable=True),
    sa.Column('opened_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['case_id'], ['cases.id'], name=op.f('fk_updates_case_id_cases')),
    sa.ForeignKeyConstraint(['contact_id'], ['contacts.id'], name=op.f('fk_updates_contact_id_contacts'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_updates')),
    sqlite_autoincrement=True
    )
    op.create_index(op.f('ix_updates_case_id'), 'updates', ['case_id'], unique=False)
    op.create_index(op.f('ix_updates_contact_id'), 'updates', ['contact_id'], unique=False)
    op.create_index('ix_audit_object', 'audit', ['object', 'seq'], unique=False)
    op.add_column('cases', sa.Column('assigned_to', sa.LargeBinary(), nullable=True))
    op.add_column('cases', sa.Column('association', sa.String(length=32), server_default=sa.text("''"), nullable=False))
    op.add_column('cases', sa.Column('moved_on', sa.Integer(), server_default=sa.text('0'), nullable=False))
    op.create_index('ix_cases_assigned_to', 'cases', ['assigned_to', 'urgent', 'moved_on', 'id'], unique=False)
    op.create_index('ix_cases_unfinished', 'cases', ['urgent', 'moved_on', 'id'], unique=False, postgresql_where=sa.text("work_state NOT IN ('closed', 'withdrawn')"), sqlite_where=sa.text("work_state NOT IN ('closed', 'withdrawn')"))
    op.add_column('contacts', sa.Column('zone', sa.String(length=40), nullable=True))
    op.add_column('contacts', sa.Column('hours', sa.String(length=16), nullable=True))
    op.add_column('contacts', sa.Column('unfinished', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('outbox', sa.Column('unsure', sa.SmallInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('outbox', sa.Column('about', sa.SmallInteger(), nullable=True))
    op.add_column('outbox', sa.Column('about_id', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('outbox', 'about_id')
    op.drop_column('outbox', 'about')
    op.drop_column('outbox', 'unsure')
    op.drop_column('contacts', 'unfinished')
    op.drop_column('contacts', 'hours')
    op.drop_column('contacts', 'zone')
    op.drop_index('ix_cases_unfinished', table_name='cases', postgresql_where=sa.text("work_state NOT IN ('closed', 'withdrawn')"), sqlite_where=sa.text("work_state NOT IN ('closed', 'withdrawn')"))
    op.drop_index('ix_cases_assigned_to', table_name='cases')
    op.drop_column('cases', 'moved_on')
    op.drop_column('cases', 'association')
    op.drop_column('cases', 'assigned_to')
    op.drop_index('ix_audit_object', table_name='audit')
    op.drop_index(op.f('ix_updates_contact_id'), table_name='updates')
    op.drop_index(op.f('ix_updates_case_id'), table_name='updates')
    op.drop_table('updates')
    op.drop_index(op.f('ix_staff_links_staff_id'), table_name='staff_links')
    op.drop_table('staff_links')
    op.drop_index('ix_segments_area', table_name='segments')
    op.drop_table('segments')
    op.drop_index('ix_follow_ups_due', table_name='follow_ups', postgresql_where=sa.text('next_at IS NOT NULL'), sqlite_where=sa.text('next_at IS NOT NULL'))
    op.drop_index(op.f('ix_follow_ups_contact_id'), table_name='follow_ups')
    op.drop_index(op.f('ix_follow_ups_case_id'), table_name='follow_ups')
    op.drop_table('follow_ups')
    op.drop_index('ix_broadcast_people_turn', table_name='broadcast_people')
    op.drop_index('ix_broadcast_people_contact', table_name='broadcast_people')
    op.drop_table('broadcast_people')
    op.drop_index(op.f('ix_alerts_staff_id'), table_name='alerts')
    op.drop_index('ix_alerts_kind', table_name='alerts')
    op.drop_index('ix_alerts_due', table_name='alerts', postgresql_where=sa.text('state = 0'), sqlite_where=sa.text('state = 0'))
    op.drop_index(op.f('ix_alerts_case_id'), table_name='alerts')
    op.drop_table('alerts')
    op.drop_table('staff')
    op.drop_table('question_sets')
    op.drop_index('ix_broadcasts_open', table_name='broadcasts', postgresql_where=sa.text('ended_at IS NULL'), sqlite_where=sa.text('ended_at IS NULL'))
    op.drop_table('broadcasts')
