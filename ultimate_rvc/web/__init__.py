"""The web page: what the command line can do, by looking and clicking. Gradio draws it; nothing is computed here.

texts      words in the reader's language        controls  fields made from the option records
sessions   who is who, and what is whose         desk      jobs: what was asked for becomes work
show       results as HTML                       form      the fields of one page and their values
tabs/      one file per tab                      page      the tabs put together
app        the page over HTTP, guarded           main      `urvc-web`
"""
