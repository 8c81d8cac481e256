"""`urvc benchmark`: how long the line takes on this machine, stage by stage, and what each way of being faster gives.

Everything that is measured runs in processes of its own (`workers`), which take turns (`rounds`); what they found is a
record (`results`) that becomes tables (`tables`), a page (`report`), a picture (`picture`) and JSON.
"""
