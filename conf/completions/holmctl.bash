# bash completion of holmctl(1). Verbs and options are read from its own help, so that they are always those of this version.

__holmctl_verbs() { holmctl --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; }

# The options of a verb, or with no argument those of every verb; "--name=" where a value follows.
__holmctl_options() {
    holmctl ${1:+"$1"} --help 2>/dev/null |
        sed -n -e 's/^  -\(.\), \(--[a-z-]*\)\(=\{0,1\}\).*/-\1\n\2\3/p' -e 's/^      \(--[a-z-]*\)\(=\{0,1\}\).*/\1\2/p'
}

__holmctl_images() { holmctl list-images --no-legend --no-pager 2>/dev/null | awk '{ print $1 }'; }

# The machines that the verb is for, by the column of their state.
__holmctl_machines() {
    local wanted='1'
    case $1 in
    start | rename | clone | rollback | rebase) wanted='$4 == "stopped" || $4 == "failed"' ;;
    stop | poweroff | restart | reboot | terminate | kill | freeze | thaw | exec | shell | debug | record | login | attach | copy-to | copy-from | bind | unbind | connect | disconnect | publish | unpublish | apply | continue | abort)
        wanted='$4 != "stopped" && $4 != "failed"'
        ;;
    esac
    holmctl list --all --no-legend --no-pager 2>/dev/null | awk "$wanted { print \$1 }"
}

__holmctl_slices() { systemctl list-units --all --plain --no-legend --no-pager 'machine*.slice' 2>/dev/null | awk '{ print $1 }'; }

# Those of any machine: all have the same.
__holmctl_properties() { holmctl show --no-pager "$(__holmctl_machines | head -n 1)" 2>/dev/null | sed -n 's/^\([A-Z][A-Za-z]*\)=.*/\1/p'; }

__holmctl_networks() { holmctl list-networks --no-legend --no-pager 2>/dev/null | awk '{ print $1 }'; }

# The values of the option, if they can be known. 1: no such option.
__holmctl_values() {
    case $1 in
    --sort) COMPREPLY=($(compgen -W 'cpu memory swap tasks io network pressure uptime name' -- "$2")) ;;
    --json) COMPREPLY=($(compgen -W 'short pretty off' -- "$2")) ;;
    --kill-whom) COMPREPLY=($(compgen -W 'leader all' -- "$2")) ;;
    --signal | -s) COMPREPLY=($(compgen -A signal -- "$2" | grep '^SIG[A-Z0-9+-]*$')) ;;
    --network) COMPREPLY=($(compgen -W "none host $(__holmctl_networks)" -- "$2")) ;;
    --group | --slice) COMPREPLY=($(compgen -W "$(__holmctl_slices)" -- "$2")) ;;
    --hold) COMPREPLY=($(compgen -W 'mounts network init on-fail' -- "$2")) ;;
    --tools) COMPREPLY=($(compgen -W 'host' -- "$2")) ;;
    --users) COMPREPLY=($(compgen -W 'auto identity host' -- "$2")) ;;
    --host | -H) COMPREPLY=($(compgen -A hostname -- "$2")) ;;
    --root | --lower | --upper | --bind | --device | --file) compopt -o filenames && COMPREPLY=($(compgen -f -- "$2")) ;;
    --image) COMPREPLY=($(compgen -W "$(__holmctl_images)" -- "$2")) ;;
    --name | --env | --user | --workdir | --publish | --tmpfs | --property | --capability | --hostname | --label | --lines | \
        --timeout | --confirm | --since | --delay | --uid | --setenv | --remove | --size | --volume) COMPREPLY=() ;;
    *) return 1 ;;
    esac
}

# Prints how many operands stand before the word that is completed, and the verb before them.
__holmctl_position() {
    local index word verb= operands=0
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        = | -*) ;;
        *)
            [[ ${COMP_WORDS[index - 1]} == = || ${COMP_WORDS[index - 1]} =~ ^(-H|-s|-n|-p|-u|-E|-w|-f)$ ]] && continue
            if [[ -z $verb ]]; then verb=$word; else ((operands++)); fi
            ;;
        esac
    done
    echo "$operands $verb"
}

_holmctl() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} option verb operands
    COMPREPLY=()
    read -r operands verb < <(__holmctl_position)
    option=$previous
    [[ $previous == = ]] && option=${COMP_WORDS[COMP_CWORD - 2]}
    if [[ $verb == show && $option =~ ^(-p|--property)$ ]]; then
        COMPREPLY=($(compgen -W "$(__holmctl_properties)" -- "${current#=}"))
        return
    fi
    # "--name=value" arrives as three words, as = is one of COMP_WORDBREAKS.
    if [[ $current == = ]]; then
        __holmctl_values "$previous" '' && return
    elif [[ $previous == = ]]; then
        __holmctl_values "${COMP_WORDS[COMP_CWORD - 2]}" "$current" && return
    elif [[ $previous == -[Hs] ]]; then
        __holmctl_values "$previous" "$current" && return
    fi

    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(__holmctl_options "$verb")" -- "$current"))
        [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace
        return
    fi
    [[ $verb =~ ^(snapshot|rollback)$ && " ${COMP_WORDS[*]} " == *' --group '* ]] && return
    case $verb in
    '') COMPREPLY=($(compgen -W "$(__holmctl_verbs)" -- "$current")) ;;
    verify) compopt -o filenames && COMPREPLY=($(compgen -f -W "$(__holmctl_machines "$verb")" -- "$current")) ;;
    import-config) compopt -o filenames && COMPREPLY=($(compgen -f -- "$current")) ;;
    image-status | remove-image | read-only | clone-image | copy-image | export-*) COMPREPLY=($(compgen -W "$(__holmctl_images)" -- "$current")) ;;
    import-*) ((operands == 0)) && compopt -o filenames && COMPREPLY=($(compgen -f -- "$current")) ;;
    run | create | version | reload | list-images | prune | df | fsck | list-volumes | volume-create | volume-remove | doctor) ;;
    wait) if ((operands == 0)); then
        COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current"))
    else
        COMPREPLY=($(compgen -W 'started ready stopped unit: port:' -- "$current"))
    fi ;;
    list-networks) ;;
    network-create) ;;
    network-status | network-remove) COMPREPLY=($(compgen -W "$(__holmctl_networks)" -- "$current")) ;;
    connect | disconnect)
        if ((operands == 0)); then COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current"))
        else COMPREPLY=($(compgen -W "$(__holmctl_networks)" -- "$current")); fi
        ;;
    commit | rebase)
        if ((operands == 0)); then COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current"))
        else COMPREPLY=($(compgen -W "$(__holmctl_images)" -- "$current")); fi
        ;;
    exec | shell | debug | record | login | attach | logs | edit | plan | apply | publish | unpublish | set | rename | clone | snapshot | rollback)
        ((operands == 0)) && COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current"))
        ;;
    copy-to | copy-from | bind | unbind)
        if ((operands == 0)); then
            COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current"))
        elif [[ $verb$operands =~ ^(copy-to1|bind1|copy-from2)$ ]]; then
            compopt -o filenames && COMPREPLY=($(compgen -f -- "$current"))
        fi
        ;;
    *) COMPREPLY=($(compgen -W "$(__holmctl_machines "$verb")" -- "$current")) ;;
    esac
}

complete -F _holmctl holmctl
